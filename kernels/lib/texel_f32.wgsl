// A texel of four neighbouring weights of a row, stored as f32.
const FOURS_PER_TEXEL = 1u;

fn texel_low(texel: vec4u) -> vec4f {
  return bitcast<vec4f>(texel);
}

fn texel_high(texel: vec4u) -> vec4f {
  return vec4f(0.0);
}
