// rope_kv_append: norms query and key heads, rotates them, and appends keys and values to the paged KV cache
//   With HAS_HEAD_NORMS x[h, i] ← x[h, i] · w[i] / sqrt(mean_i(x[h, i]²) + EPS) first, w = q_weight or k_weight; then
//   (a, b) → (a cos − b sin, b cos + a sin) for the pairs (i, i + R/2) of a head's first R components, angles by the
//   token's position; the other components stay as they are
// Bindings (group 0)
//   0 qkv      read        [T, H + 2 KH, C]  f32: query heads, key heads, value heads; in fours
//   1 tokens   read        [T]               Token
//   2 cos_sin  read        [P, 2, R/2]       f32: cosines, then sines, of each position; in fours
//   3 q_weight read        [C]               f32, in fours; unread without HAS_HEAD_NORMS
//   4 k_weight read        [C]               f32, in fours; likewise
//   5 q        read_write  [T, H, C]         f32, in fours
//   6 k_cache  read_write  [slots, KH, C]    elem, in fours
//   7 v_cache  read_write  [slots, KH, C]    elem, in fours
// Dispatch   (ceil((H + 2 KH) · C / 8 / WORKGROUP_SIZE), T), one invocation eight components of a head
// Overrides  C = HEAD_DIM and R = ROTARY_DIM multiples of 8, R ≤ C
// Precision  sums in f32; every invocation of a head makes its own, of the same bits
// Source     arXiv:1910.07467, arXiv:2302.05442; arXiv:2104.09864, half-split pairs
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override ROTARY_DIM: u32;
override HAS_HEAD_NORMS: bool = false;
override EPS: f32 = 0.0;
override WORKGROUP_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> tokens: array<Token>;
@group(0) @binding(2) var<storage, read> cos_sin: array<vec4f>;
@group(0) @binding(3) var<storage, read> q_weight: array<vec4f>;
@group(0) @binding(4) var<storage, read> k_weight: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> q: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> k_cache: array<Elem4>;
@group(0) @binding(7) var<storage, read_write> v_cache: array<Elem4>;

// 1 / rms of the head whose fours begin at `first`.
fn head_factor(first: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < HEAD_DIM / 4u; i++) {
    let v = qkv[first + i];
    sum += dot(v, v);
  }
  return 1.0 / sqrt(sum / f32(HEAD_DIM) + EPS);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn rope_kv_append(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let c4_count = HEAD_DIM / 4u;
  let num_parts = HEAD_DIM / 8u; // invocations of a head
  let half = ROTARY_DIM / 8u; // fours in half of what turns
  let num_heads = NUM_HEADS + 2u * NUM_KV_HEADS;
  let i = group.x * WORKGROUP_SIZE + local;
  let t = group.y;
  let head = i / num_parts;
  let part = i % num_parts;
  let turns = part < half;
  let c_a = select(2u * part, part, turns); // a pair of fours that turns, or two neighbours that do not
  let c_b = select(c_a + 1u, part + half, turns);
  if (head >= num_heads) {
    return;
  }
  let token = tokens[t];
  let from_index = (t * num_heads + head) * c4_count; // qkv[t, head, 0..]
  var a = qkv[from_index + c_a];
  var b = qkv[from_index + c_b];
  let kv_row = token.slot * NUM_KV_HEADS;
  if (head >= NUM_HEADS + NUM_KV_HEADS) { // a value head
    let to = (kv_row + head - NUM_HEADS - NUM_KV_HEADS) * c4_count;
    v_cache[to + c_a] = pack_elem4(a);
    v_cache[to + c_b] = pack_elem4(b);
    return;
  }
  if (HAS_HEAD_NORMS) {
    let factor = head_factor(from_index);
    let is_query = head < NUM_HEADS;
    a *= select(k_weight[c_a], q_weight[c_a], is_query) * factor;
    b *= select(k_weight[c_b], q_weight[c_b], is_query) * factor;
  }
  if (turns) {
    let angle = token.position * 2u * half + part; // cos_sin[position, 0, 4 part..]
    let cosine = cos_sin[angle];
    let sine = cos_sin[angle + half];
    let rotated_a = a * cosine - b * sine;
    b = b * cosine + a * sine;
    a = rotated_a;
  }
  if (head >= NUM_HEADS) { // a key head
    let to = (kv_row + head - NUM_HEADS) * c4_count;
    k_cache[to + c_a] = pack_elem4(a);
    k_cache[to + c_b] = pack_elem4(b);
  } else {
    let to = (t * NUM_HEADS + head) * c4_count; // q[t, head, 0..]
    q[to + c_a] = a;
    q[to + c_b] = b;
  }
}
