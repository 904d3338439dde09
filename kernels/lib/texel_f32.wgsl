// A texel of four neighbouring elements of a row, stored as f32; it has no upper half.
const FOURS_PER_TEXEL = 1u;

fn texel_low(texel: vec4u) -> vec4f {
  return bitcast<vec4f>(texel);
}

fn texel_high(texel: vec4u) -> vec4f {
  return vec4f(0.0);
}

fn pack_texel(low: vec4f, high: vec4f) -> vec4u {
  return bitcast<vec4u>(low);
}
