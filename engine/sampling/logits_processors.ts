/**
 * Logits processors: small functions that change the logits of one sequence in place before a token is chosen.
 *
 * @module
 */
import { EngineError } from "../errors.ts";
import type { ResolvedSampling } from "./params.ts";

/** What has been said so far, as the penalties see it. */
export interface TokenHistory {
  /** Tokens of prompt and output, each once. */
  readonly seen: ReadonlySet<number>;
  /** Generated tokens → how often. */
  readonly generated: ReadonlyMap<number, number>;
}

/** Changes `logits` [V] f32 in place. */
export type LogitsProcessor = (logits: Float32Array, history: TokenHistory) => void;

/** The processors that these parameters need, in the order bias → repetition → presence and frequency. */
export function createLogitsProcessors(sampling: ResolvedSampling): LogitsProcessor[] {
  const { logitBias, repetitionPenalty, presencePenalty, frequencyPenalty } = sampling;
  const processors: LogitsProcessor[] = [];
  if (logitBias.size > 0) processors.push(addBias(logitBias));
  if (repetitionPenalty !== 1) processors.push(penalizeRepetition(repetitionPenalty));
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    processors.push(penalizeGenerated(presencePenalty, frequencyPenalty));
  }
  return processors;
}

/** logit[id] += bias; ids that the vocabulary lacks have no effect. */
function addBias(bias: ReadonlyMap<number, number>): LogitsProcessor {
  return (logits) => {
    for (const [id, value] of bias) if (id < logits.length) logits[id]! += value;
  };
}

/**
 * Moves the logit of every token in prompt and output towards "less likely": divides positive ones, multiplies negative ones.
 *
 * @see arXiv:1909.05858, section 4.1
 */
function penalizeRepetition(penalty: number): LogitsProcessor {
  return (logits, { seen }) => {
    for (const id of seen) {
      if (id >= logits.length) continue;
      const logit = logits[id]!;
      logits[id] = logit > 0 ? logit / penalty : logit * penalty;
    }
  };
}

/** logit[id] −= presence + frequency · count, over generated tokens. */
function penalizeGenerated(presence: number, frequency: number): LogitsProcessor {
  return (logits, { generated }) => {
    for (const [id, count] of generated) logits[id]! -= presence + frequency * count;
  };
}

/**
 * The error for logits that no forward pass should give. −Infinity is legal (a masked token) as long as one token is left.
 *
 * @param best the largest logit
 */
export function logitsError(best: number): EngineError {
  return new EngineError(
    "engine_failed",
    `The model returned logits that cannot be sampled: the largest is ${best}; ` +
      "check the weights and run the kernel tests on this adapter",
  );
}
