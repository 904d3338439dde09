// rms_norm_heads: scales each query head and each key head to unit root mean square, in place
//   x[t, h, i] ← x[t, h, i] · w[i] / sqrt(mean_i(x[t, h, i]²) + eps),  w = q_weight for h < H, else k_weight
// Bindings (group 0)
//   0 x         read_write  [T, H + 2 KH, C]  f32: query heads, key heads, value heads; in fours
//   1 q_weight  read        [C]               f32, in fours
//   2 k_weight  read        [C]               f32, in fours
// Dispatch   (ceil((H + KH) / WORKGROUP_SIZE), T), one invocation a head
// Precision  sums in f32                                         Source  arXiv:1910.07467, arXiv:2302.05442
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override EPS: f32;
override WORKGROUP_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> q_weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> k_weight: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn rms_norm_heads(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // Not told to the compiler: Mesa's would write out 32 turns, which takes it seconds.
  let c4_count = HEAD_DIM / 4u + (group.y >> 31u);
  let head = group.x * WORKGROUP_SIZE + local;
  if (head >= NUM_HEADS + NUM_KV_HEADS) {
    return;
  }
  let row = (group.y * (NUM_HEADS + 2u * NUM_KV_HEADS) + head) * c4_count; // x[t, head, 0..]
  var sum = 0.0;
  for (var i = 0u; i < c4_count; i++) {
    let v = x[row + i];
    sum += dot(v, v);
  }
  let scale = 1.0 / sqrt(sum / f32(HEAD_DIM) + EPS);
  if (head < NUM_HEADS) {
    for (var i = 0u; i < c4_count; i++) {
      x[row + i] = x[row + i] * q_weight[i] * scale;
    }
  } else {
    for (var i = 0u; i < c4_count; i++) {
      x[row + i] = x[row + i] * k_weight[i] * scale;
    }
  }
}
