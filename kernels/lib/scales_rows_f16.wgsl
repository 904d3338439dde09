// Scales of short rows, f16: a texel holds eight groups of one row, on the line of its tile in w; behind lib/row_tiles.wgsl.
//   That of block row r and lane l for groups 8 e .. 8 e + 7 is SCALE_ROW_TEXELS r + 8 e + l.
override SCALE_ROW_TEXELS: u32;

struct Scales {
  low: vec4f,
  high: vec4f,
}

fn load_row_scales(r: u32, eight: u32, lane: u32, line: u32) -> vec4u {
  return textureLoad(scales, vec2u(r * SCALE_ROW_TEXELS + eight * LANES + lane, line));
}

// The i-th scale of a texel.
fn scale_of(texel: vec4u, i: u32) -> f32 {
  return unpack2x16float(texel[i / 2u] >> (16u * (i % 2u))).x;
}

// Of eight rows in group g.
fn load_scales(g: u32, lane: u32, line: u32) -> Scales {
  let eight = g / 8u;
  let i = g % 8u;
  return Scales(
    vec4f(
      scale_of(load_row_scales(0u, eight, lane, line), i),
      scale_of(load_row_scales(1u, eight, lane, line), i),
      scale_of(load_row_scales(2u, eight, lane, line), i),
      scale_of(load_row_scales(3u, eight, lane, line), i),
    ),
    vec4f(
      scale_of(load_row_scales(4u, eight, lane, line), i),
      scale_of(load_row_scales(5u, eight, lane, line), i),
      scale_of(load_row_scales(6u, eight, lane, line), i),
      scale_of(load_row_scales(7u, eight, lane, line), i),
    ),
  );
}
