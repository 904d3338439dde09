// Ends a layer of the gpu set whose output is read as it is.
//   y[t, n] = cap(sum · factor (+ bias[n])), cap(v) = params.soft_cap · tanh(v / params.soft_cap) if params.soft_cap is above 0
override HAS_BIAS: bool = false;

fn finish(t: u32, row: u32, sum: f32, factor: f32) {
  let n = params.row_offset + row;
  var value = sum * factor;
  if (HAS_BIAS) {
    value = fma(sum, factor, bias[n]);
  }
  if (params.soft_cap > 0.0) {
    value = params.soft_cap * tanh(value / params.soft_cap);
  }
  y[t * params.n + n] = value;
}
