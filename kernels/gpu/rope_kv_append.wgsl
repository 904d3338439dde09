// rope_kv_append: rotates queries and keys, and appends keys and values to the paged KV cache
//   (a, b) → (a cos − b sin, b cos + a sin) for the pairs (i, i + C/2) of a head, angles by the token's position
// Bindings (group 0)
//   0 qkv      read        [T, H + 2 KH, C]  f32: query heads, key heads, value heads; in fours
//   1 tokens   read        [T]               Token
//   2 cos_sin  read        [P, 2, C/2]       f32: cosines, then sines, of each position; in fours
//   3 q        read_write  [T, H, C]         f32, in fours
//   4 k_cache  read_write  [slots, KH, C]    elem, in fours
//   5 v_cache  read_write  [slots, KH, C]    elem, in fours
// Dispatch   (ceil((H + 2 KH) · C / 8 / WORKGROUP_SIZE), T), one invocation four pairs
// Overrides  C = HEAD_DIM a multiple of 8                        Source  arXiv:2104.09864, half-split pairs
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override WORKGROUP_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> tokens: array<Token>;
@group(0) @binding(2) var<storage, read> cos_sin: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> q: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> k_cache: array<Elem4>;
@group(0) @binding(5) var<storage, read_write> v_cache: array<Elem4>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn rope_kv_append(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let c4_count = HEAD_DIM / 4u;
  let half = HEAD_DIM / 8u; // fours in half a head
  let num_heads = NUM_HEADS + 2u * NUM_KV_HEADS;
  let i = group.x * WORKGROUP_SIZE + local;
  let t = group.y;
  let head = i / half;
  let c = i % half;
  if (head >= num_heads) {
    return;
  }
  let token = tokens[t];
  let from_index = (t * num_heads + head) * c4_count + c; // qkv[t, head, 4c..]
  let a = qkv[from_index];
  let b = qkv[from_index + half];
  let kv_row = token.slot * NUM_KV_HEADS;
  if (head >= NUM_HEADS + NUM_KV_HEADS) { // a value head
    let to = (kv_row + head - NUM_HEADS - NUM_KV_HEADS) * c4_count + c;
    v_cache[to] = pack_elem4(a);
    v_cache[to + half] = pack_elem4(b);
    return;
  }
  let angle = token.position * 2u * half + c; // cos_sin[position, 0, 4c..]
  let cosine = cos_sin[angle];
  let sine = cos_sin[angle + half];
  let rotated_a = a * cosine - b * sine;
  let rotated_b = b * cosine + a * sine;
  if (head >= NUM_HEADS) { // a key head
    let to = (kv_row + head - NUM_HEADS) * c4_count + c;
    k_cache[to] = pack_elem4(rotated_a);
    k_cache[to + half] = pack_elem4(rotated_b);
  } else {
    let to = (t * NUM_HEADS + head) * c4_count + c; // q[t, head, 4c..]
    q[to] = rotated_a;
    q[to + half] = rotated_b;
  }
}
