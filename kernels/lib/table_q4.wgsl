// A row of a table of int4 groups; goes behind lib/scales_*.wgsl and lib/q4.wgsl.
fn table_block(row: u32, block: u32) -> Block {
  let g = block / 4u; // a group is four blocks of eight columns
  let owner = row / 8u;
  let r = row % 8u;
  let line = line_of(owner, g);
  let step = g % STEPS_PER_LINE;
  let texel = textureLoad(w, vec2u(step * TEXELS_PER_STEP + r * LANES + owner % LANES, line));
  let codes = texel[block % 4u];
  let group_scales = load_scales(step, owner % LANES, line);
  let scale = select(group_scales.high, group_scales.low, r < 4u)[r % 4u];
  return Block(q4_low(codes) * scale, q4_high(codes) * scale);
}
