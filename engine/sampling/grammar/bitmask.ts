/**
 * Token masks: one bit for each token id, 32 in a word, the lowest id in the lowest bit.
 *
 * @module
 */

/** Sets the logit of every token whose bit is 0 to −Infinity. */
export function applyTokenMask(logits: Float32Array, mask: Int32Array): void {
  for (let word = 0; word * 32 < logits.length; word++) {
    const bits = mask[word]!;
    if (bits === -1) continue;
    const end = Math.min(logits.length, word * 32 + 32);
    for (let id = word * 32; id < end; id++) {
      if (((bits >>> (id & 31)) & 1) === 0) logits[id] = -Infinity;
    }
  }
}

/** What a mask leaves open. */
export interface MaskCensus {
  /** Whether every token below `numTokens` that is not in `ignored` is allowed. */
  isOpen: boolean;
  /** Whether some token is allowed. */
  hasAny: boolean;
  /** Whether a token outside `eosTokenIds` is allowed. */
  hasText: boolean;
}

/** Looks at the bits of tokens 0 to `numTokens` − 1. */
export function surveyMask(
  mask: Int32Array,
  numTokens: number,
  eosTokenIds: ReadonlySet<number>,
): MaskCensus {
  let numAllowed = 0;
  for (let word = 0; word * 32 < numTokens; word++) {
    const numBits = Math.min(32, numTokens - word * 32);
    let bits = mask[word]! & (numBits === 32 ? -1 : (1 << numBits) - 1);
    for (; bits !== 0; bits &= bits - 1) numAllowed++;
  }
  let numEos = 0;
  for (const id of eosTokenIds) {
    if (id < numTokens && ((mask[id >> 5]! >>> (id & 31)) & 1) === 1) numEos++;
  }
  return {
    isOpen: numAllowed === numTokens,
    hasAny: numAllowed > 0,
    hasText: numAllowed > numEos,
  };
}
