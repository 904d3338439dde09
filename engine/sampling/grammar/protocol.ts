/**
 * Messages between a model's engine and the worker that holds its grammars. Plain objects: they cross isolates.
 *
 * @module
 */
import type { Constraint } from "./constraint.ts";

/** To the worker. `vocabulary` comes first and once; every other but `close` gets one reply, in order. */
export type GrammarRequest =
  | { type: "vocabulary"; tokens: string[]; eosTokenIds: number[] }
  /** Compiles the grammar and follows it through `tokens`. */
  | { type: "open"; id: number; constraint: Constraint; tokens: number[] }
  /** Goes on by one token. */
  | { type: "accept"; id: number; token: number }
  /** Checks a finished part: the arguments of `tool`, or the whole text where it is null. */
  | { type: "check"; id: number; tool: string | null; text: string }
  | { type: "close"; id: number };

/** Which tokens may come next. */
export interface NextTokens {
  /** One bit a token; null allows all. */
  mask: Int32Array | null;
  /** The grammar has ended: nothing may follow but an end-of-text token. */
  isComplete: boolean;
}

/** From the worker. */
export type GrammarReply =
  | { type: "ready" }
  | { type: "next"; id: number; next: NextTokens }
  | { type: "checked"; id: number; fault: string | null }
  /** The request could not be done; `isBroken` asks for a new worker. */
  | { type: "failed"; id: number; message: string; isBroken: boolean };
