// How the lanes of the software set store what they summed; goes behind lib/linear.wgsl and lib/tiles.wgsl.

// Stores a lane's four rows for one token, a component a row.
fn store_rows(t: u32, tile: u32, lane: u32, sums: vec4f) {
  let row = tile * ROWS_PER_TILE + lane;
  for (var r = 0u; r < 4u; r++) {
    if (row + r * LANES < NUM_ROWS) {
      store(t, row + r * LANES, sums[r]);
    }
  }
}

// Stores a lane's four rows for tokens t..t+3, a column a row.
fn store_tile(t: u32, tile: u32, lane: u32, sums: mat4x4f) {
  let row = tile * ROWS_PER_TILE + lane;
  store_tile_row(t, row, sums[0]);
  store_tile_row(t, row + LANES, sums[1]);
  store_tile_row(t, row + 2u * LANES, sums[2]);
  store_tile_row(t, row + 3u * LANES, sums[3]);
}
