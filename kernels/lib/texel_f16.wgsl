// A texel of eight neighbouring weights of a row, stored as f16.
const FOURS_PER_TEXEL = 2u;

fn texel_low(texel: vec4u) -> vec4f {
  return vec4f(unpack2x16float(texel.x), unpack2x16float(texel.y));
}

fn texel_high(texel: vec4u) -> vec4f {
  return vec4f(unpack2x16float(texel.z), unpack2x16float(texel.w));
}
