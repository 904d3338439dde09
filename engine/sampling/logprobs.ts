/**
 * Log-probabilities of a chosen token and its best alternatives.
 *
 * @module
 */

/** A token and the natural logarithm of its probability. */
export interface IdLogprob {
  /** Vocabulary index. */
  id: number;
  /** ln p after a softmax without temperature. */
  logprob: number;
}

/** The chosen token's log-probability, by ids: texts are added where the tokenizer is known. */
export interface ChosenLogprob {
  /** ln p of the chosen token. */
  logprob: number;
  /** Most likely tokens, most likely first, equal ones by id; the chosen one may be among them. */
  alternatives: IdLogprob[];
}

/**
 * log softmax at `token` and at the `numAlternatives` largest logits.
 *
 * @param logits [V] f32 after the logits processors, before temperature and truncation
 * @param best the largest logit
 */
export function computeLogprobs(
  logits: Float32Array,
  best: number,
  token: number,
  numAlternatives: number,
): ChosenLogprob {
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - best);
  const logNormalizer = best + Math.log(sum);
  return {
    logprob: logits[token]! - logNormalizer,
    alternatives: selectLargest(logits, numAlternatives).map((id) => ({
      id,
      logprob: logits[id]! - logNormalizer,
    })),
  };
}

/** Ids of the k largest logits in order: k is at most 20, so one pass with insertion. */
function selectLargest(logits: Float32Array, k: number): number[] {
  const largest: number[] = [];
  if (k === 0) return largest;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (largest.length === k && logit <= logits[largest[k - 1]!]!) continue;
    let place = largest.length;
    while (place > 0 && logit > logits[largest[place - 1]!]!) place--;
    largest.splice(place, 0, id);
    if (largest.length > k) largest.pop();
  }
  return largest;
}
