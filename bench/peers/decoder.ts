/**
 * The programme that every engine runs: prefill, decode at several lengths of context, decode of several streams.
 *
 * @module
 */

/** Tokens that one sequence gets. */
export interface Append {
  /** From 0. */
  sequence: number;
  tokens: number[];
}

/** An engine with the model loaded, as far as its speed is concerned. */
export interface Decoder {
  readonly vocabSize: number;
  /** Empties all sequences. */
  reset(): void | Promise<void>;
  /**
   * Appends a batch of tokens to sequences. Resolves when the logits of each sequence's last token, or what was chosen from them,
   * are on the host.
   */
  append(steps: readonly Append[]): Promise<void>;
}

/** Sizes of the programme. */
export interface RateOptions {
  /** Tokens of the timed prefill. */
  numPromptTokens: number;
  /** Decode steps that are timed, each a token a stream. */
  numGeneratedTokens: number;
  /** Tokens in the cache before the timed decode of one stream. */
  contexts: number[];
  /** Numbers of streams that decode together, behind the smallest of the contexts; 1 is `contexts` already. */
  streams: number[];
  /** Tokens of the prefill that comes first and is not timed. */
  numWarmupTokens: number;
}

/** Tokens a second. */
export interface Rates {
  prefill: number;
  /** By tokens of context. */
  decode: Record<number, number>;
  /** All streams together, by their number. */
  batch: Record<number, number>;
}

/** Decode steps before anything is timed. */
const NUM_WARMUP_STEPS = 2;

/** Runs the programme once. No prefix is found in a cache: each part begins with empty sequences and other tokens. */
export async function measureRates(decoder: Decoder, options: RateOptions): Promise<Rates> {
  const { numPromptTokens, numGeneratedTokens, contexts, streams } = options;
  const random = createTokens(decoder.vocabSize);
  const steps = (count: number, numStreams: number) =>
    time(async () => {
      for (let step = 0; step < count; step++) {
        await decoder.append(
          Array.from({ length: numStreams }, (_, sequence) => ({ sequence, tokens: random(1) })),
        );
      }
    });
  const fill = async (sequence: number, count: number) => {
    const tokens = random(count);
    return await time(() => decoder.append([{ sequence, tokens }]));
  };
  await decoder.reset();
  await fill(0, options.numWarmupTokens);
  await steps(NUM_WARMUP_STEPS, 1);

  await decoder.reset();
  const prefill = numPromptTokens / await fill(0, numPromptTokens);
  const decode: Rates["decode"] = {};
  for (const context of contexts) {
    await decoder.reset();
    await fill(0, context);
    decode[context] = numGeneratedTokens / await steps(numGeneratedTokens, 1);
  }
  const batch: Rates["batch"] = {};
  for (const numStreams of streams) {
    await decoder.reset();
    for (let sequence = 0; sequence < numStreams; sequence++) {
      await fill(sequence, Math.min(...contexts));
    }
    await steps(NUM_WARMUP_STEPS, numStreams); // kernels for this many rows
    batch[numStreams] = numStreams * numGeneratedTokens /
      await steps(numGeneratedTokens, numStreams);
  }
  return { prefill, decode, batch };
}

/** Tokens from all over the vocabulary, the same in each run. */
function createTokens(vocabSize: number): (count: number) => number[] {
  let state = 1;
  return (count) =>
    Array.from({ length: count }, () => {
      state = Math.imul(state, 1664525) + 1013904223 >>> 0;
      return Math.floor(state / 2 ** 32 * vocabSize);
    });
}

/** In seconds. */
async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
