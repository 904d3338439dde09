// Attention of the gpu set, what a workgroup does for its rows (a token and a query head each); goes behind lib/step.wgsl and
// lib/elem_*.wgsl. The kernel that this goes into has const HEAD_DIM, HEADS and TOKENS, and an entry that walks positions.
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override BLOCK_SIZE: u32;
override SPLIT: u32;
override SCALE: f32;
override SOFT_CAP: f32 = 0.0;
override WINDOW: u32 = 0u;

const ROWS = HEADS * TOKENS; // row token · HEADS + head
const POSITIONS = 64u; // of a tile; as many invocations has a workgroup
const NUM_PARTS = 8u; // of a tile, when its maximum is searched
const LOWEST = -3.0e38;

var<workgroup> query: array<vec4f, ROWS * HEAD_DIM / 4>;
var<workgroup> scores: array<f32, ROWS * POSITIONS>; // then weights, then sums of lanes
var<workgroup> part_maxima: array<f32, ROWS * NUM_PARTS>;
var<workgroup> maxima: array<f32, ROWS>; // of the split so far
var<workgroup> corrections: array<f32, ROWS>;
var<workgroup> weight_sums: array<f32, ROWS>;
var<workgroup> share_outputs: array<vec4f, POSITIONS>;

fn load_queries(first_token: u32, first_head: u32, local: u32) {
  let c4_count = HEAD_DIM / 4u;
  for (var i = local; i < ROWS * c4_count; i += POSITIONS) {
    let row = i / c4_count;
    let t = min(first_token + row / HEADS, step.num_tokens - 1u);
    query[i] = q[(t * NUM_HEADS + first_head + row % HEADS) * c4_count + i % c4_count] * SCALE;
  }
}

// First position that a token at this position sees.
fn first_seen(position: u32) -> u32 {
  return select(0u, position + 1u - WINDOW, WINDOW > 0u && position + 1u > WINDOW);
}

fn cap(score: f32) -> f32 {
  if (SOFT_CAP > 0.0) {
    return SOFT_CAP * tanh(score / SOFT_CAP);
  }
  return score;
}

fn add_products(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Maxima with this tile's scores, and what they make of the sums before.
fn update_maxima(local: u32) {
  let part_size = POSITIONS / NUM_PARTS;
  for (var i = local; i < ROWS * NUM_PARTS; i += POSITIONS) {
    var maximum = LOWEST;
    for (var j = 0u; j < part_size; j++) {
      maximum = max(maximum, scores[i * part_size + j]);
    }
    part_maxima[i] = maximum;
  }
  workgroupBarrier();
  if (local < ROWS) {
    let before = maxima[local];
    var maximum = before;
    for (var j = 0u; j < NUM_PARTS; j++) {
      maximum = max(maximum, part_maxima[local * NUM_PARTS + j]);
    }
    maxima[local] = maximum;
    corrections[local] = exp(before - maximum);
  }
  workgroupBarrier();
}

// Adds up what lanes hold of each row's weights, from scores.
fn add_weights(local: u32) {
  workgroupBarrier();
  if (local < ROWS) {
    var sum = 0.0;
    for (var i = 0u; i < POSITIONS; i++) {
      sum += scores[local * POSITIONS + i];
    }
    weight_sums[local] = sum;
  }
  workgroupBarrier();
}

// Four outputs of a row, from what each share holds of them.
fn add_shares(c: u32) -> vec4f {
  let c4_count = HEAD_DIM / 4u;
  var sum = vec4f();
  for (var i = 0u; i < POSITIONS / c4_count; i++) {
    sum += share_outputs[i * c4_count + c];
  }
  return sum;
}
