/**
 * Host half of kernels/gpu/choose_token*.wgsl, for both kernel sets: they read what `logits` left in a buffer.
 *
 * @module
 */
import { GPU_KERNELS } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice } from "../gpu/mod.ts";
import { createDispatch, PER_LOGITS_ROW } from "./dispatch.ts";
import type { ChooseTokensOptions, StepBuffers } from "./operations.ts";

/** Logits of a chunk, where a row has several: enough to be worth a workgroup. */
const CHUNK_SIZE = 4096;

/** Words of a `BestLogit` in kernels/lib/best_logit.wgsl. */
const BEST_WORDS = 2;

/** What the dispatches are made from. */
export interface ChooseTokensParts extends ChooseTokensOptions {
  readonly device: GpuDevice;
  readonly step: StepBuffers;
  /** Invocations that share a chunk, a power of two. */
  readonly numThreads: number;
  /** Allocates [rows, numCols] words between the two passes. */
  readonly createScratch: (name: string, numCols: number) => GPUBuffer;
}

/** Creates the dispatches of {@linkcode Operations.chooseTokens}. */
export function createChooseTokens(parts: ChooseTokensParts): Promise<Dispatch[]> {
  const { device, step, logits, chosen, vocabSize, blockSize, ringSize, numThreads } = parts;
  const numChunks = Math.ceil(vocabSize / CHUNK_SIZE);
  const partials = parts.createScratch("best logits", BEST_WORDS * numChunks);
  const { chooseTokenPartial, chooseToken } = GPU_KERNELS;
  return Promise.all([
    createDispatch(device, chooseTokenPartial, chooseTokenPartial.name, {
      resources: [step.step, logits, partials],
      overrides: {
        V: vocabSize,
        NUM_CHUNKS: numChunks,
        CHUNK_STEPS: Math.ceil(vocabSize / (numChunks * numThreads)),
        WORKGROUP_SIZE: numThreads,
      },
      x: numChunks,
      y: PER_LOGITS_ROW,
    }),
    createDispatch(device, chooseToken, chooseToken.name, {
      resources: [step.step, partials, step.blockTables, step.tokens, chosen],
      overrides: {
        NUM_CHUNKS: numChunks,
        BLOCK_SIZE: blockSize,
        RING: ringSize,
        WORKGROUP_SIZE: numThreads,
      },
      x: PER_LOGITS_ROW,
    }),
  ]);
}
