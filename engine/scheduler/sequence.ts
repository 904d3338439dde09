/**
 * A request as the scheduler sees it: tokens and how far they are computed. Never sees text.
 *
 * @module
 */

import { BlockTable } from "../cache/mod.ts";

/** `waiting` holds no blocks, `running` holds blocks, `finished` never comes back. */
export type SequenceStatus = "waiting" | "running" | "finished";

/** Whether a sequence has one token to compute, and the next one comes of it. */
export function isDecoding({ numPending }: Sequence): boolean {
  return numPending === 1;
}

/** Tokens of one generation and their state. */
export class Sequence {
  /** Unique in its scheduler, ascending by arrival. */
  readonly id: number;
  /** Prompt, then generated tokens. */
  readonly tokens: number[];
  /** Tokens of the prompt. */
  readonly numPromptTokens: number;
  /** Blocks of the KV cache; empty while it waits. */
  readonly table = new BlockTable();
  /** Tokens whose keys and values are in the cache. */
  numComputed = 0;
  /** Prompt tokens that were found in the prefix cache when it first ran; null before. */
  numCachedTokens: number | null = null;
  status: SequenceStatus = "waiting";

  constructor(id: number, promptTokens: readonly number[]) {
    this.id = id;
    this.tokens = [...promptTokens];
    this.numPromptTokens = promptTokens.length;
  }

  /** Tokens that are still to be computed before the next one can be sampled. */
  get numPending(): number {
    return this.tokens.length - this.numComputed;
  }
}
