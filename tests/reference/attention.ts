/** Sizes of an attention layer. */
export interface AttentionSizes {
  numHeads: number;
  numKvHeads: number;
  headDim: number;
}

/**
 * Attention of one token over the keys and values of its sequence, in f64.
 *
 * @param q [H, C]
 * @param keys of each position [KH, C]
 * @param values of each position [KH, C]
 * @param options.softCap scores become softCap · tanh(score / softCap)
 * @param options.window only the last positions are seen
 * @returns [H, C]
 */
export function attentionReference(
  q: ArrayLike<number>,
  keys: ArrayLike<number>[],
  values: ArrayLike<number>[],
  sizes: AttentionSizes,
  scale: number,
  options: { softCap?: number; window?: number } = {},
): Float64Array {
  const { softCap, window } = options;
  if (window !== undefined && keys.length > window) {
    return attentionReference(q, keys.slice(-window), values.slice(-window), sizes, scale, {
      ...(softCap === undefined ? {} : { softCap }),
    });
  }
  const { numHeads, numKvHeads, headDim } = sizes;
  const y = new Float64Array(numHeads * headDim);
  for (let h = 0; h < numHeads; h++) {
    const kv = Math.floor(h / (numHeads / numKvHeads)) * headDim;
    const scores = keys.map((key) => {
      let score = 0;
      for (let c = 0; c < headDim; c++) score += q[h * headDim + c]! * key[kv + c]!;
      score *= scale;
      return softCap === undefined ? score : softCap * Math.tanh(score / softCap);
    });
    const maximum = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - maximum));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let c = 0; c < headDim; c++) {
      let sum = 0;
      for (let p = 0; p < values.length; p++) sum += weights[p]! * values[p]![kv + c]!;
      y[h * headDim + c] = sum / total;
    }
  }
  return y;
}
