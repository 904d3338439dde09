// Eight columns of a head in an f16 cache: one texel.
const BLOCK_TEXELS = 1u;

fn block_texel(i: u32, low: vec4f, high: vec4f) -> vec4u {
  return vec4u(
    pack2x16float(low.xy),
    pack2x16float(low.zw),
    pack2x16float(high.xy),
    pack2x16float(high.zw),
  );
}
