// attention_paged: causal attention of each token over its own sequence's paged KV cache, prefill and decode alike
//   y[t, h] = Σ_p softmax_p(cap(q[t, h] · k[p, kv(h)] · SCALE)) · v[p, kv(h)],  p ≤ tokens[t].position
//   cap(s) = SOFT_CAP · tanh(s / SOFT_CAP) if SOFT_CAP is above 0; with WINDOW above 0 only the last WINDOW positions
// Bindings (group 0)
//   0 q             read        [T, H, C]            f32, in fours
//   1 tokens        read        [T]                  Token
//   2 block_tables  read        [S, max_blocks]      u32, a sequence's blocks in order
//   3 k_cache       read        [slots, KH, C]       elem, in fours
//   4 v_cache       read        [slots, KH, C]       elem, in fours
//   5 y             read_write  [T, H, C]            f32, in fours
//   6 step          uniform     Step
// Dispatch   (H, T): one workgroup a query head of a token
// Method     tiles of WORKGROUP_SIZE positions with online softmax: an invocation scores one position of the tile, then
//            holds four of the C outputs over a share of the tile's positions; shares are merged at the end.
//            The order of sums depends on the token's position alone, never on the batch.
// Overrides  C = HEAD_DIM a multiple of 4; WORKGROUP_SIZE a multiple of C / 4
// Memory     (20 · WORKGROUP_SIZE + 4 · C) bytes of workgroup memory
// Precision  f32                                                  Source  arXiv:2205.14135, arXiv:2309.06180
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override BLOCK_SIZE: u32;
override SCALE: f32;
override SOFT_CAP: f32 = 0.0;
override WINDOW: u32 = 0u;
override WORKGROUP_SIZE: u32;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> tokens: array<Token>;
@group(0) @binding(2) var<storage, read> block_tables: array<u32>;
@group(0) @binding(3) var<storage, read> k_cache: array<Elem4>;
@group(0) @binding(4) var<storage, read> v_cache: array<Elem4>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<uniform> step: Step;

var<workgroup> query: array<vec4f, HEAD_DIM / 4>;
var<workgroup> scores: array<f32, WORKGROUP_SIZE>;
var<workgroup> outputs: array<vec4f, WORKGROUP_SIZE>;

// Index of the first four of k_cache[slot of `position`, kv_head] and of v_cache alike.
fn kv_index(sequence: u32, position: u32, kv_head: u32) -> u32 {
  let block = block_tables[sequence * step.max_blocks + position / BLOCK_SIZE];
  let slot = block * BLOCK_SIZE + position % BLOCK_SIZE;
  return (slot * NUM_KV_HEADS + kv_head) * (HEAD_DIM / 4u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn attention_paged(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let c4_count = HEAD_DIM / 4u;
  let num_shares = WORKGROUP_SIZE / c4_count;
  let head = group.x;
  let t = group.y;
  let kv_head = head / (NUM_HEADS / NUM_KV_HEADS);
  let token = tokens[t];
  let num_positions = token.position + 1u;
  let c = local % c4_count;
  let share = local / c4_count;

  if (local < c4_count) {
    query[local] = q[(t * NUM_HEADS + head) * c4_count + local] * SCALE; // q[t, head, 4 local..]
  }
  workgroupBarrier();

  var maximum = -3.0e38;
  var denominator = 0.0; // of all positions so far, the same in every invocation
  var output = vec4f(0.0); // of this invocation's share of positions
  var first = 0u;
  if (WINDOW > 0u && num_positions > WINDOW) {
    first = num_positions - WINDOW;
  }
  for (; first < num_positions; first += WORKGROUP_SIZE) {
    let tile = min(WORKGROUP_SIZE, num_positions - first);
    var score = -3.0e38;
    if (local < tile) {
      let k = kv_index(token.sequence, first + local, kv_head);
      score = 0.0;
      for (var i = 0u; i < c4_count; i++) {
        score += dot(query[i], unpack_elem4(k_cache[k + i]));
      }
      if (SOFT_CAP > 0.0) {
        score = SOFT_CAP * tanh(score / SOFT_CAP);
      }
    }
    scores[local] = score;
    workgroupBarrier();
    var tile_maximum = maximum;
    for (var i = 0u; i < tile; i++) {
      tile_maximum = max(tile_maximum, scores[i]);
    }
    workgroupBarrier();
    scores[local] = exp(score - tile_maximum);
    workgroupBarrier();
    let correction = exp(maximum - tile_maximum);
    maximum = tile_maximum;
    denominator *= correction;
    output *= correction;
    for (var i = 0u; i < tile; i++) {
      denominator += scores[i];
    }
    for (var i = share; i < tile; i += num_shares) {
      let v = kv_index(token.sequence, first + i, kv_head);
      output += scores[i] * unpack_elem4(v_cache[v + c]);
    }
    workgroupBarrier();
  }

  outputs[local] = output;
  workgroupBarrier();
  if (share == 0u) {
    var sum = vec4f(0.0);
    for (var i = 0u; i < num_shares; i++) {
      sum += outputs[i * c4_count + c];
    }
    y[(t * NUM_HEADS + head) * c4_count + c] = sum / denominator;
  }
}
