// A row of a table of int4 groups; goes behind lib/scales_*.wgsl and lib/q4.wgsl.
fn table_block(row: u32, block: u32) -> Block {
  let g = block / 4u; // a group is four blocks of eight columns
  let owner = row / 8u;
  let r = row % 8u;
  let at = texel_of(owner, g);
  let texel = textureLoad(w, at + vec2u(r * ROW_TEXELS, 0u));
  let codes = texel[block % 4u];
  let group_scales = load_scales(g % STEPS_PER_LINE, owner % LANES, at.y);
  let scale = select(group_scales.high, group_scales.low, r < 4u)[r % 4u];
  return Block(q4_low(codes) * scale, q4_high(codes) * scale);
}
