// A row of an unquantized table; goes behind lib/texel_*.wgsl.
fn table_texel(row: u32, k: u32) -> vec4u {
  return textureLoad(w, texel_of(row / 8u, k) + vec2u((row % 8u) * ROW_TEXELS, 0u));
}

fn table_block(row: u32, block: u32) -> Block {
  if (FOURS_PER_TEXEL == 2u) {
    let texel = table_texel(row, block);
    return Block(texel_low(texel), texel_high(texel));
  }
  return Block(texel_low(table_texel(row, 2u * block)), texel_low(table_texel(row, 2u * block + 1u)));
}
