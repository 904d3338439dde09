/** y[i] = x[i] · w[i] / sqrt(mean(x²) + eps) of one row in f64. */
export function rmsNormReference(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  eps: number,
): Float64Array {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  const scale = 1 / Math.sqrt(sum / x.length + eps);
  return Float64Array.from({ length: x.length }, (_, i) => x[i]! * w[i]! * scale);
}
