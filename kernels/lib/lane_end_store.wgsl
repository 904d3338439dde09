// Ends a layer of the gpu set whose output is read as it is.
//   y[t, n] = cap(sum · factor (+ bias[n])), cap(v) = SOFT_CAP · tanh(v / SOFT_CAP) if SOFT_CAP is above 0
override HAS_BIAS: bool = false;
override SOFT_CAP: f32 = 0.0;

fn row_of(end: u32, block: u32) -> u32 {
  return end;
}

fn finish(t: u32, row: u32, sum: f32, factor: f32) {
  let n = params.row_offset + row;
  var value = sum * factor;
  if (HAS_BIAS) {
    value = fma(sum, factor, bias[n]);
  }
  if (SOFT_CAP > 0.0) {
    value = SOFT_CAP * tanh(value / SOFT_CAP);
  }
  y[t * params.n + n] = value;
}
