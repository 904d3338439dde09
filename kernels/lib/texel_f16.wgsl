// A texel of eight neighbouring elements of a row, stored as f16.
const FOURS_PER_TEXEL = 2u;

fn texel_low(texel: vec4u) -> vec4f {
  return vec4f(unpack2x16float(texel.x), unpack2x16float(texel.y));
}

fn texel_high(texel: vec4u) -> vec4f {
  return vec4f(unpack2x16float(texel.z), unpack2x16float(texel.w));
}

fn pack_texel(low: vec4f, high: vec4f) -> vec4u {
  return vec4u(
    pack2x16float(low.xy),
    pack2x16float(low.zw),
    pack2x16float(high.xy),
    pack2x16float(high.zw),
  );
}
