/**
 * Logits → token for one sequence. The order is that of llama.cpp and vLLM: logit bias → repetition penalty → presence and
 * frequency penalties → temperature → top-k → top-p → min-p → draw.
 *
 * @module
 */
import { drawToken } from "./distribution.ts";
import { createLogitsProcessors, logitsError, type TokenHistory } from "./logits_processors.ts";
import { type ChosenLogprob, computeLogprobs } from "./logprobs.ts";
import type { ResolvedSampling } from "./params.ts";
import { createRandom, randomSeed } from "./random.ts";

/** A chosen token. */
export interface Sample {
  /** Vocabulary index. */
  token: number;
  /** Its log-probability; null unless the parameters ask for it. */
  logprob: ChosenLogprob | null;
}

/** Chooses the tokens of one sequence and remembers them for the penalties. */
export interface Sampler {
  /** Whether it takes the largest logit, the lowest id among equals, of logits as they are, and nothing else is asked for. */
  readonly isGreedy: boolean;
  /**
   * Chooses the next token.
   *
   * @param logits [V] f32; changed in place
   * @throws {EngineError} `engine_failed`: a logit is NaN or +Infinity, or none is finite
   */
  sample(logits: Float32Array): Sample;
}

/**
 * Creates the sampler of a sequence.
 *
 * @param promptTokens count as seen for the repetition penalty, not as generated
 */
export function createSampler(
  sampling: ResolvedSampling,
  promptTokens: readonly number[],
): Sampler {
  const processors = createLogitsProcessors(sampling);
  const random = createRandom(sampling.seed ?? randomSeed());
  const seen = new Set(sampling.repetitionPenalty === 1 ? [] : promptTokens);
  const generated = new Map<number, number>();
  const history: TokenHistory = { seen, generated };

  const takesBest = sampling.temperature === 0 || sampling.topK === 1;
  return {
    isGreedy: takesBest && processors.length === 0 && sampling.logprobs === null,
    sample(logits) {
      for (const process of processors) process(logits, history);
      const argmax = findArgmax(logits);
      const best = logits[argmax]!;
      const token = sampling.temperature === 0 ? argmax : drawToken(logits, best, sampling, random);
      seen.add(token);
      generated.set(token, (generated.get(token) ?? 0) + 1);
      const logprob = sampling.logprobs === null
        ? null
        : computeLogprobs(logits, best, token, sampling.logprobs);
      return { token, logprob };
    },
  };
}

/**
 * Index of the largest logit, the lowest one among equals.
 *
 * @throws {EngineError} a logit is NaN or +Infinity, or none is finite
 */
function findArgmax(logits: Float32Array): number {
  let argmax = 0;
  let best = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    // Negated so that one comparison lets NaN through as well: this loop is all that greedy decoding costs.
    if (!(logit <= best)) {
      if (Number.isNaN(logit)) throw logitsError(logit);
      best = logit;
      argmax = id;
    }
  }
  if (!Number.isFinite(best)) throw logitsError(best);
  return argmax;
}
