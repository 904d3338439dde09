/** y[t, n] = Σ_k x[t, k] · w[n, k] (+ bias[n]) (+ y0[t, n]) in f64. */
export function linearReference(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  sizes: { numTokens: number; numRows: number; numCols: number },
  options: { bias?: ArrayLike<number>; initial?: ArrayLike<number> } = {},
): Float64Array {
  const { numTokens, numRows, numCols } = sizes;
  const y = new Float64Array(numTokens * numRows);
  for (let t = 0; t < numTokens; t++) {
    for (let n = 0; n < numRows; n++) {
      let sum = (options.bias?.[n] ?? 0) + (options.initial?.[t * numRows + n] ?? 0);
      for (let k = 0; k < numCols; k++) sum += x[t * numCols + k]! * w[n * numCols + k]!;
      y[t * numRows + n] = sum;
    }
  }
  return y;
}
