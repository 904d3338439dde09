// A row of an unquantized table; goes behind lib/texel_*.wgsl.
fn table_texel(row: u32, k: u32) -> vec4u {
  let owner = row / 8u;
  let step = k % STEPS_PER_LINE;
  let at = vec2u(step * TEXELS_PER_STEP + (row % 8u) * LANES + owner % LANES, line_of(owner, k));
  return textureLoad(w, at);
}

fn table_block(row: u32, block: u32) -> Block {
  if (FOURS_PER_TEXEL == 2u) {
    let texel = table_texel(row, block);
    return Block(texel_low(texel), texel_high(texel));
  }
  return Block(texel_low(table_texel(row, 2u * block)), texel_low(table_texel(row, 2u * block + 1u)));
}
