// Eight columns of a head in an f32 cache: two texels.
const BLOCK_TEXELS = 2u;

fn block_texel(i: u32, low: vec4f, high: vec4f) -> vec4u {
  return bitcast<vec4u>(select(high, low, i == 0u));
}
