// Which rows a dispatch of a linear layer computes. What else a layer is, it is by overrides: loops have a known length.
struct Params {
  // Row length of y
  n: u32,
  // Rows of this w
  num_rows: u32,
  // Rows that end: num_rows, or half of it where blocks are joined
  num_ends: u32,
  // This w begins at this row of y
  row_offset: u32,
}

// Columns of w, a multiple of 8
override K: u32;

fn num_columns() -> u32 {
  return K;
}
