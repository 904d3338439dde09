// Scales of rows that are taken one after the other, f16: a texel holds eight groups of one row, on the line of its tile in w; goes
// behind lib/row_tiles.wgsl. Those of groups 8 e .. 8 e + 7 of block row r and lane l are texel (r ceil(STEPS / 8) + e) LANES + l.
fn load_row_scales(r: u32, eight: u32, lane: u32, line: u32) -> vec4u {
  return textureLoad(row_scales, vec2u((r * ((STEPS + 7u) / 8u) + eight) * LANES + lane, line));
}

// The i-th scale of a texel.
fn row_scale_of(texel: vec4u, i: u32) -> f32 {
  return unpack2x16float(texel[i / 2u] >> (16u * (i % 2u))).x;
}
