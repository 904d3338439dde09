/** silu(gate) · up of one row [2F], gate first, in f64. */
export function swigluReference(x: ArrayLike<number>): Float64Array {
  const size = x.length / 2;
  return Float64Array.from({ length: size }, (_, f) => {
    const gate = x[f]!;
    return gate / (1 + Math.exp(-gate)) * x[size + f]!;
  });
}
