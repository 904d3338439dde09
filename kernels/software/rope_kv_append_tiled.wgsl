// rope_kv_append_tiled: rotates queries and keys, and appends keys and values to a paged KV cache in textures
//   as rope_kv_append, one texel of a head an invocation
// Bindings (group 0)
//   0 qkv      read     [T, H + 2 KH, C]  f32: query heads, key heads, value heads; in fours
//   1 tokens   read     [T]               Token
//   2 cos_sin  read     [P, 2, R/2]       f32: cosines, then sines, of each position; in fours
//   3 q        texture  [T, H C]          f32, texel (h C / 4 + c, t)
//   4 k_cache  texture  elem; see lib/kv_tiles.wgsl
//   5 v_cache  texture  elem; see lib/kv_tiles.wgsl
// Dispatch   (ceil((H + 2 KH) · texels of a head / 8), T)
// Overrides  C = HEAD_DIM and R = ROTARY_DIM multiples of 8, R ≤ C
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override ROTARY_DIM: u32;

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> tokens: array<Token>;
@group(0) @binding(2) var<storage, read> cos_sin: array<vec4f>;
@group(0) @binding(3) var q: texture_storage_2d<rgba32float, write>;
@group(0) @binding(4) var k_cache: texture_storage_2d_array<rgba32uint, write>;
@group(0) @binding(5) var v_cache: texture_storage_2d_array<rgba32uint, write>;

// Four components of a head, from c fours on, rotated by the position.
fn rotated(head_start: u32, c: u32, position: u32) -> vec4f {
  let half = ROTARY_DIM / 8u; // fours in half of what turns
  let own = qkv[head_start + c];
  if (c >= 2u * half) {
    return own;
  }
  let is_first = c < half;
  let partner = qkv[head_start + select(c - half, c + half, is_first)];
  let angle = position * 2u * half + select(c - half, c, is_first); // cos_sin[position, 0, ..]
  let sine = cos_sin[angle + half];
  return own * cos_sin[angle] + partner * select(sine, -sine, is_first);
}

@compute @workgroup_size(8)
fn rope_kv_append_tiled(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let num_heads = NUM_HEADS + 2u * NUM_KV_HEADS;
  let texels_per_head = HEAD_DIM / (4u * FOURS_PER_TEXEL);
  let i = group.x * 8u + local;
  let t = group.y;
  let head = i / texels_per_head;
  let d = i % texels_per_head;
  if (head >= num_heads) {
    return;
  }
  let token = tokens[t];
  let head_start = (t * num_heads + head) * (HEAD_DIM / 4u); // qkv[t, head, 0..]
  let c = d * FOURS_PER_TEXEL;
  if (head >= NUM_HEADS + NUM_KV_HEADS) { // a value head
    let kv_head = head - NUM_HEADS - NUM_KV_HEADS;
    let at = kv_texel_at(
      kv_texel_number(token.slot, NUM_KV_HEADS, kv_head, texels_per_head) + d * KV_LANES +
        token.slot % KV_LANES,
    );
    let texel = pack_texel(qkv[head_start + c], qkv[head_start + c + FOURS_PER_TEXEL - 1u]);
    textureStore(v_cache, at.xy, at.z, texel);
    return;
  }
  let low = rotated(head_start, c, token.position);
  let high = rotated(head_start, c + FOURS_PER_TEXEL - 1u, token.position);
  if (head >= NUM_HEADS) { // a key head
    let kv_head = head - NUM_HEADS;
    let at = kv_texel_at(
      kv_texel_number(token.slot, NUM_KV_HEADS, kv_head, texels_per_head) + d * KV_LANES +
        token.slot % KV_LANES,
    );
    textureStore(k_cache, at.xy, at.z, pack_texel(low, high));
  } else {
    let x = head * (HEAD_DIM / 4u) + c;
    textureStore(q, vec2u(x, t), low);
    if (FOURS_PER_TEXEL == 2u) {
      textureStore(q, vec2u(x + 1u, t), high);
    }
  }
}
