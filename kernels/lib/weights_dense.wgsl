// Unquantized weights against f32 activations: a step is a texel of one row, eight f16 or four f32; goes behind lib/texel_*.wgsl.
struct Columns {
  low: vec4f,
  high: vec4f,
}

// Only quantized formats have them.
struct Scales {
  low: vec4f,
  high: vec4f,
}

struct Row {
  low: vec4f,
  high: vec4f,
}

// Of the lane's own row.
fn load_columns(k: u32, row: u32) -> Columns {
  let first = k * FOURS_PER_TEXEL;
  if (FOURS_PER_TEXEL == 2u) {
    return Columns(textureLoad(x, vec2u(first, row)), textureLoad(x, vec2u(first + 1u, row)));
  }
  return Columns(textureLoad(x, vec2u(first, row)), vec4f(0.0));
}

// Of one row for all lanes.
fn load_shared_columns(k: u32, row: u32, lane: u32) -> Columns {
  return load_columns(k, row);
}

fn load_scales(k: u32, lane: u32, line: u32) -> Scales {
  return Scales(vec4f(1.0), vec4f(1.0));
}

fn unpack_row(texel: vec4u) -> Row {
  return Row(texel_low(texel), texel_high(texel));
}

fn dot_row(weights: Row, v: Columns, scale: f32) -> f32 {
  if (FOURS_PER_TEXEL == 2u) {
    return dot(weights.low, v.low) + dot(weights.high, v.high);
  }
  return dot(weights.low, v.low);
}
