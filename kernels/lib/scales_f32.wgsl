// Scales of a lane's eight rows in one group, f32, two texels; goes behind lib/row_tiles.wgsl.
struct Scales {
  low: vec4f,
  high: vec4f,
}

// `g` counts within the line.
fn load_scales(g: u32, lane: u32, line: u32) -> Scales {
  let at = vec2u(2u * g * LANES + lane, line);
  return Scales(
    bitcast<vec4f>(textureLoad(scales, at)),
    bitcast<vec4f>(textureLoad(scales, at + vec2u(LANES, 0u))),
  );
}
