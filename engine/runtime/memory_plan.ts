/**
 * How many tokens, sequences and blocks a model gets, and the bytes that they take. Pure arithmetic.
 *
 * @module
 */

/** Token slots of a KV block. */
export const BLOCK_SIZE = 16;

/** Device memory for keys and values that is taken without being asked; WebGPU does not tell how much there is. */
const DEFAULT_KV_BYTES = 1 << 30;

/** Sequences that run at once unless more are asked for. */
export const DEFAULT_MAX_SEQUENCES = 16;

/** Logits rows for the drafts of a few sequences; more sequences leave each other the rows that they do not need. */
const MIN_LOGITS_ROWS = 8;

/** Tokens of one step: a bound for activations and for how long a prefill chunk holds running streams up. */
const MAX_STEP_TOKENS = { gpu: 512, software: 128 };

/** What the arithmetic needs to know of a model and an adapter. */
export interface MemoryPlanInput {
  readonly kind: "gpu" | "software";
  readonly maxBindingBytes: number;
  readonly numLayers: number;
  /** Bytes of one token's keys (or values) in one layer. */
  readonly kvRowBytes: number;
  /** Bytes of one token's activations. */
  readonly tokenBytes: number;
  /** Bytes of one logits row with what belongs to it. */
  readonly logitsRowBytes: number;
  /** Bytes of one position in the RoPE table. */
  readonly positionBytes: number;
  readonly weightsBytes: number;
  /** Tokens that the model can see. */
  readonly modelContextLength: number;
  /** Asked for; absent takes all that fits. */
  readonly contextLength?: number;
  readonly maxSequences?: number;
}

/** Sizes of a load, in tokens, blocks and bytes. */
export interface MemoryPlan {
  readonly contextLength: number;
  readonly maxSequences: number;
  /** Of one step. */
  readonly maxLogitsRows: number;
  readonly maxStepTokens: number;
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly weightsBytes: number;
  readonly kvBytes: number;
  readonly activationBytes: number;
  /** One sentence for each number that is smaller than was wished for. */
  readonly reasons: string[];
}

/** Decides the sizes; a context that does not fit is cut, and the reasons say so. */
export function planMemory(input: MemoryPlanInput): MemoryPlan {
  const reasons: string[] = [];
  const maxSequences = input.maxSequences ?? DEFAULT_MAX_SEQUENCES;
  let contextLength = Math.min(
    input.contextLength ?? input.modelContextLength,
    input.modelContextLength,
  );
  if (input.contextLength !== undefined && input.contextLength > input.modelContextLength) {
    reasons.push(
      `The context length is ${contextLength}, all that the model can see; ${input.contextLength} was asked for`,
    );
  }
  const blockBytes = BLOCK_SIZE * input.kvRowBytes;
  const layerBlocks = Math.floor(input.maxBindingBytes / blockBytes);
  const budgetBlocks = Math.floor(DEFAULT_KV_BYTES / (2 * input.numLayers * blockBytes));
  const wanted = maxSequences * Math.ceil(contextLength / BLOCK_SIZE);
  const numBlocks = Math.max(1, Math.min(wanted, layerBlocks, budgetBlocks));
  if (numBlocks < wanted) {
    reasons.push(
      `The KV cache holds ${numBlocks * BLOCK_SIZE} tokens instead of ${wanted * BLOCK_SIZE}: ` +
        (layerBlocks < budgetBlocks
          ? `the adapter binds at most ${input.maxBindingBytes} bytes of a layer`
          : `it may take ${DEFAULT_KV_BYTES} bytes`) +
        "; sequences that do not fit wait",
    );
  }
  if (numBlocks * BLOCK_SIZE < contextLength) {
    contextLength = numBlocks * BLOCK_SIZE;
    reasons.push(`The context length is cut to ${contextLength}, all that the KV cache holds`);
  }
  const maxStepTokens = MAX_STEP_TOKENS[input.kind];
  const maxLogitsRows = Math.max(maxSequences, MIN_LOGITS_ROWS);
  return {
    contextLength,
    maxSequences,
    maxLogitsRows,
    maxStepTokens,
    numBlocks,
    blockSize: BLOCK_SIZE,
    weightsBytes: input.weightsBytes,
    kvBytes: 2 * input.numLayers * numBlocks * blockBytes,
    activationBytes: maxStepTokens * input.tokenBytes + maxLogitsRows * input.logitsRowBytes +
      contextLength * input.positionBytes,
    reasons,
  };
}
