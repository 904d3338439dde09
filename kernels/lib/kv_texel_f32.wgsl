// Texels of an f32 KV cache: 16 bytes are four columns.
const WIDENING = 1.0;

fn texel_low(texel: vec4u) -> vec4f {
  return bitcast<vec4f>(texel);
}
