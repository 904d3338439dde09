// Keys and values of the software set: texels of 16 bytes, eight slots side by side.
//   texel d of a slot's head is number ((slot / 8 · KH + head) · texels of a head + d) · 8 + slot % 8 of lines of 8,192 texels.
//   A layer of the texture has KV_CHUNK_LINES of them; the next ones are KV_CHUNK_LAYERS further on. Goes behind lib/texel_*.wgsl
override KV_CHUNK_LINES: u32; // a power of two
override KV_CHUNK_LAYERS: u32;
const KV_WIDTH_BITS = 13u;
const KV_LANES = 8u;

// Texel 0 of a head in the first slot of its group of eight; add 8 d + slot % 8 to the number.
fn kv_texel_number(slot: u32, num_kv_heads: u32, head: u32, texels_per_head: u32) -> u32 {
  return ((slot / KV_LANES) * num_kv_heads + head) * texels_per_head * KV_LANES;
}

// Its column, line, and layer.
fn kv_texel_at(number: u32) -> vec3u {
  let line = number >> KV_WIDTH_BITS;
  return vec3u(
    number & ((1u << KV_WIDTH_BITS) - 1u),
    line % KV_CHUNK_LINES,
    line / KV_CHUNK_LINES * KV_CHUNK_LAYERS,
  );
}
