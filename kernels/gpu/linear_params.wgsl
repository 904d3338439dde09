// What a linear layer of the gpu set is, beside its form.
struct Params {
  // K, columns of w, a multiple of 8
  k: u32,
  // Row length of y
  n: u32,
  // Rows of this w
  num_rows: u32,
  // Rows that end: num_rows, or half of it where blocks are joined
  num_ends: u32,
  // This w begins at this row of y
  row_offset: u32,
  // From the first row of a pair to its second
  pair_distance: u32,
  // Of the norm in front
  eps: f32,
  // y stays within ±soft_cap; 0 for no bound
  soft_cap: f32,
}

fn num_columns() -> u32 {
  return params.k;
}
