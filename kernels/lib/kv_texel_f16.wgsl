// Texels of an f16 KV cache: 16 bytes are eight columns, times 2^-112.
//   An f16 is shifted to where an f32 has its sign, exponent and fraction, two instructions; that changes its exponent by 112, which
//   the caller makes good. Drivers on the CPU take five for unpack2x16float(). Exact, apart from infinities and NaN, which no
//   attention survives.
const WIDENING = 0x1p112;

// Both halves of two words, in order.
fn widen(words: vec2u) -> vec4f {
  let high = bitcast<vec2i>(words);
  let low = bitcast<vec2i>(words << vec2u(16u));
  let bits = (vec4i(low.x, high.x, low.y, high.y) >> vec4u(3u)) & vec4i(bitcast<i32>(0x8fffe000u));
  return bitcast<vec4f>(bits);
}

fn texel_low(texel: vec4u) -> vec4f {
  return widen(texel.xy);
}

fn texel_high(texel: vec4u) -> vec4f {
  return widen(texel.zw);
}
