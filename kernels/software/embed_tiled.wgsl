// embed_tiled: begins the residual stream with the embedding row of each token
//   hidden[t, :] = w[tokens[t].id, :] · SCALE, and the norm that follows; see lib/residual.wgsl
// Bindings (group 0)
//   tokens   read     [T]  Token
//   w        texture  rows ROW_OFFSET.. of the table; see lib/row_tiles.wgsl
//   scales   texture  (q4 only)
//   and those of lib/residual.wgsl
// Dispatch   (ceil(D / 64), T); a token outside this part of the table is left alone
override ROW_OFFSET: u32 = 0u;
override NUM_ROWS: u32;
override SCALE: f32 = 1.0;

@compute @workgroup_size(8)
fn ENTRY(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.y;
  let row = tokens[t].id - ROW_OFFSET; // wraps to a large number below the part
  if (row >= NUM_ROWS) {
    return;
  }
  let block = group.x * LANES + lane;
  let values = table_block(row, block);
  finish_residual(t, block, lane, values.low * SCALE, values.high * SCALE, gamma_of(block));
}
