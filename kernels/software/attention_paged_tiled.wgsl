// attention_paged_tiled: causal attention over a paged KV cache in textures, prefill and decode alike
//   as attention_paged
// Bindings (group 0)
//   0 q             texture     [T, H C]         f32, texel (h C / 4 + c, t)
//   1 tokens        read        [T]              Token
//   2 block_tables  read        [S, max_blocks]  u32, a sequence's blocks in order
//   3 k_cache       texture     elem; see lib/kv_tiles.wgsl
//   4 v_cache       texture     elem; see lib/kv_tiles.wgsl
//   5 y             read_write  [T, H, C]        f32, in fours
//   6 step          uniform     Step
// Dispatch   (H · CHUNKS, T): one workgroup a query head of a token and eight texels of its output
// Method     tiles of eight positions, aligned to groups of slots, with online softmax: a lane scores one position, then
//            holds one texel of the output over a share of the tile's positions; shares are merged at the end.
//            The order of sums depends on the token's position alone, never on the batch.
// Overrides  C = HEAD_DIM a multiple of 8; BLOCK_SIZE a multiple of 8; CHUNKS = ceil(texels of a head / 8)
// Precision  f32                                                  Source  arXiv:2205.14135, arXiv:2309.06180
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override BLOCK_SIZE: u32;
override SCALE: f32;
override SOFT_CAP: f32 = 0.0;
override WINDOW: u32 = 0u;
override CHUNKS: u32;

@group(0) @binding(0) var q: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read> tokens: array<Token>;
@group(0) @binding(2) var<storage, read> block_tables: array<u32>;
@group(0) @binding(3) var k_cache: texture_storage_2d<rgba32uint, read>;
@group(0) @binding(4) var v_cache: texture_storage_2d<rgba32uint, read>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<uniform> step: Step;

const NONE = -3.0e38;

var<workgroup> weights: array<vec4f, 2>;
var<workgroup> merged_low: array<vec4f, 8>;
var<workgroup> merged_high: array<vec4f, 8>;

fn score(k_first: u32, texels_per_head: u32, q_first: u32, t: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < texels_per_head; d++) {
    let texel = textureLoad(k_cache, kv_texel_at(k_first + d * KV_LANES));
    let q_at = q_first + d * FOURS_PER_TEXEL;
    sum += dot(textureLoad(q, vec2u(q_at, t)), texel_low(texel));
    if (FOURS_PER_TEXEL == 2u) {
      sum += dot(textureLoad(q, vec2u(q_at + 1u, t)), texel_high(texel));
    }
  }
  sum *= SCALE;
  if (SOFT_CAP > 0.0) {
    sum = SOFT_CAP * tanh(sum / SOFT_CAP);
  }
  return sum;
}

@compute @workgroup_size(8)
fn attention_paged_tiled(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let texels_per_head = HEAD_DIM / (4u * FOURS_PER_TEXEL);
  let num_owned = min(8u, texels_per_head); // texels of this chunk
  let num_shares = 8u / num_owned;
  let head = group.x / CHUNKS;
  let t = group.y;
  let kv_head = head / (NUM_HEADS / NUM_KV_HEADS);
  let token = tokens[t];
  let share = lane / num_owned;
  let d = (group.x % CHUNKS) * 8u + lane % num_owned;
  let is_owner = share < num_shares && d < texels_per_head;
  let q_first = head * (HEAD_DIM / 4u);
  var first_seen = 0u;
  if (WINDOW > 0u && token.position + 1u > WINDOW) {
    first_seen = token.position + 1u - WINDOW;
  }

  var maximum = NONE;
  var denominator = 0.0; // of all positions so far, the same in every lane
  var low = vec4f(0.0); // of this lane's texel and share of positions
  var high = vec4f(0.0);
  for (var first = first_seen - first_seen % 8u; first <= token.position; first += 8u) {
    let block = block_tables[token.sequence * step.max_blocks + first / BLOCK_SIZE];
    let slot = block * BLOCK_SIZE + first % BLOCK_SIZE;
    let texels = kv_texel_number(slot, NUM_KV_HEADS, kv_head, texels_per_head);
    let position = first + lane;
    var own = NONE;
    if (position >= first_seen && position <= token.position) {
      own = score(texels + lane, texels_per_head, q_first, t);
    }
    weights[lane / 4u][lane % 4u] = own;
    workgroupBarrier();
    let scores0 = weights[0];
    let scores1 = weights[1];
    workgroupBarrier();
    let highest4 = max(scores0, scores1);
    let highest = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
    let tile_maximum = max(maximum, highest);
    weights[lane / 4u][lane % 4u] = exp(own - tile_maximum);
    workgroupBarrier();
    let weights0 = weights[0];
    let weights1 = weights[1];
    workgroupBarrier();
    let correction = exp(maximum - tile_maximum);
    maximum = tile_maximum;
    denominator = denominator * correction + dot(weights0, vec4f(1.0)) + dot(weights1, vec4f(1.0));
    low *= correction;
    high *= correction;
    if (is_owner) {
      let end = min(8u, token.position + 1u - first); // what lies behind is another's, or nothing
      for (var p = share; p < end; p += num_shares) {
        let texel = textureLoad(v_cache, kv_texel_at(texels + d * KV_LANES + p));
        let weight = select(weights1, weights0, p < 4u)[p % 4u];
        low += weight * texel_low(texel);
        high += weight * texel_high(texel);
      }
    }
  }

  merged_low[lane] = low;
  merged_high[lane] = high;
  workgroupBarrier();
  if (share == 0u && is_owner) {
    for (var i = 1u; i < num_shares; i++) {
      low += merged_low[i * num_owned + lane];
      high += merged_high[i * num_owned + lane];
    }
    let at = (t * NUM_HEADS + head) * (HEAD_DIM / 4u) + d * FOURS_PER_TEXEL; // y[t, head, ..]
    y[at] = low / denominator;
    if (FOURS_PER_TEXEL == 2u) {
      y[at + 1u] = high / denominator;
    }
  }
}
