// embed: reads the embedding row of each token
//   y[t, :] = w[tokens[t].id, :] · SCALE
// Bindings (group 0)
//   tokens  read        [T]     Token
//   y       read_write  [T, K]  f32, in fours
//   w, or quants and scales     as lib/lane_weights_*.wgsl says; rows ROW_OFFSET.. of the whole table
// Dispatch   (ceil(K / (8 · WORKGROUP_SIZE)), T), one invocation eight columns; a token outside this part is left alone
// Overrides  K a multiple of 8; K_THREADS
override K: u32;
override ROW_OFFSET: u32 = 0u;
override NUM_ROWS: u32;
override SCALE: f32 = 1.0;
override WORKGROUP_SIZE: u32 = 64u;

fn num_columns() -> u32 {
  return K;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn embed(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let octet = group.x * WORKGROUP_SIZE + local;
  let t = group.y;
  let row = tokens[t].id - ROW_OFFSET; // wraps to a large number below the part
  if (octet >= K / 8u || row >= NUM_ROWS) {
    return;
  }
  let p = position_of(octet / 4u);
  let scale = scales_of(row / 4u * 4u, p)[row % 4u] * SCALE;
  let values = load_octet(row, p, octet % 4u);
  let at = t * (K / 4u) + 2u * octet; // y[t, 8 octet ..]
  y[at] = octet_low(values) * COLUMN_STEPS * scale;
  y[at + 1u] = octet_high(values) * COLUMN_STEPS * scale;
}
