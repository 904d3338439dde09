// Scales of a lane's eight rows in one group, f16; goes behind lib/row_tiles.wgsl.
struct Scales {
  low: vec4f,
  high: vec4f,
}

// `g` counts within the line.
fn load_scales(g: u32, lane: u32, line: u32) -> Scales {
  let packed = textureLoad(scales, vec2u(g * LANES + lane, line));
  return Scales(
    vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y)),
    vec4f(unpack2x16float(packed.z), unpack2x16float(packed.w)),
  );
}
