/** silu(gate) · up of one row [2F], gate first, in f64. */
export function swigluReference(x: ArrayLike<number>): Float64Array {
  return gate(x, (v) => v / (1 + Math.exp(-v)));
}

/** gelu(gate) · up of one row [2F], gate first, in f64; GELU in its tanh form. */
export function gegluReference(x: ArrayLike<number>): Float64Array {
  return gate(
    x,
    (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  );
}

function gate(x: ArrayLike<number>, activate: (v: number) => number): Float64Array {
  const size = x.length / 2;
  return Float64Array.from({ length: size }, (_, f) => activate(x[f]!) * x[size + f]!);
}
