// Ends a layer of the gpu set whose output joins the residual stream.
//   y[t, n] += sum · factor

fn row_of(end: u32, block: u32) -> u32 {
  return end;
}

fn finish(t: u32, row: u32, sum: f32, factor: f32) {
  let i = t * params.n + params.row_offset + row;
  y[i] = fma(sum, factor, y[i]);
}
