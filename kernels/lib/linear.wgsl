// What every fully connected layer shares: sizes, bias, output, and the end of the sum.
//   y[t, n] = Σ_k x[t, k] · w[n, k]  (+ bias[n])  (+ y[t, n])
// Overrides  K a multiple of 4; N the row length of y; NUM_ROWS rows of this w, which begins at row ROW_OFFSET of y
//            K_THREADS invocations share one dot product (1 or at least 4), ROW_THREADS groups of them a workgroup
//            SOFT_CAP above 0: y is SOFT_CAP · tanh(y / SOFT_CAP)
//            ON_LOGITS: the batch is the step's L logits rows instead of its T tokens
// Entries    …_gemv  one token:  dispatch (ceil(NUM_ROWS / (4 · ROW_THREADS)), T)
//            …_gemm  4 tokens:   dispatch (ceil(NUM_ROWS / (4 · ROW_THREADS)), ceil(T / 4))
//            Both sum in the same order, so a row does not depend on how many tokens the step has.
// Memory     64 · K_THREADS · ROW_THREADS bytes of workgroup memory (gemv: a quarter)
override K: u32;
override N: u32;
override NUM_ROWS: u32;
override ROW_OFFSET: u32 = 0u;
override K_THREADS: u32 = 8u;
override ROW_THREADS: u32 = 8u;
override HAS_BIAS: bool = false;
override ACCUMULATE: bool = false;
override ON_LOGITS: bool = false;
override SOFT_CAP: f32 = 0.0;

@group(0) @binding(0) var<storage, read> bias: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> step: Step;

var<workgroup> partial_row: array<vec4f, K_THREADS * ROW_THREADS>;
var<workgroup> partial_tile: array<vec4f, 4 * K_THREADS * ROW_THREADS>;

fn last_token() -> u32 {
  return select(step.num_tokens, step.num_logits, ON_LOGITS) - 1u;
}

// First of the four rows of invocation `local`, counted in this w.
fn first_row(group: u32, local: u32) -> u32 {
  return 4u * (group * ROW_THREADS + local / K_THREADS);
}

fn store(t: u32, row: u32, sum: f32) {
  let n = ROW_OFFSET + row;
  let i = t * N + n; // y[t, n]
  var value = sum;
  if (HAS_BIAS) {
    value += bias[n];
  }
  if (ACCUMULATE) {
    value += y[i];
  }
  if (SOFT_CAP > 0.0) {
    value = SOFT_CAP * tanh(value / SOFT_CAP);
  }
  y[i] = value;
}

// Stores one row for tokens t..t+3.
fn store_tile_row(t: u32, row: u32, sums: vec4f) {
  if (row >= NUM_ROWS) {
    return;
  }
  let last = last_token();
  for (var c = 0u; c < 4u; c++) {
    if (t + c <= last) {
      store(t + c, row, sums[c]);
    }
  }
}

// Adds up the K_THREADS partial sums of four rows, one lane a row, and stores them.
fn finish_gemv(t: u32, row: u32, local: u32, partial_sum: vec4f) {
  var sum = partial_sum;
  if (K_THREADS > 1u) {
    partial_row[local] = sum;
    workgroupBarrier();
    sum = vec4f(0.0);
    let first = local - local % K_THREADS;
    for (var i = 0u; i < K_THREADS; i++) {
      sum += partial_row[first + i];
    }
  }
  if (local % K_THREADS == 0u) {
    for (var r = 0u; r < 4u; r++) {
      if (row + r < NUM_ROWS) {
        store(t, row + r, sum[r]);
      }
    }
  }
}

// The same for a tile: row{r} holds four tokens of row `row + r`.
fn finish_gemm(t: u32, row: u32, local: u32, row0: vec4f, row1: vec4f, row2: vec4f, row3: vec4f) {
  if (K_THREADS == 1u) {
    store_tile_row(t, row, row0);
    store_tile_row(t, row + 1u, row1);
    store_tile_row(t, row + 2u, row2);
    store_tile_row(t, row + 3u, row3);
  } else {
    partial_tile[4u * local] = row0;
    partial_tile[4u * local + 1u] = row1;
    partial_tile[4u * local + 2u] = row2;
    partial_tile[4u * local + 3u] = row3;
    workgroupBarrier();
    let lane = local % K_THREADS;
    if (lane < 4u) { // lane r finishes row `row + r`
      var sum = vec4f(0.0);
      let first = local - lane;
      for (var i = 0u; i < K_THREADS; i++) {
        sum += partial_tile[4u * (first + i) + lane];
      }
      store_tile_row(t, row + lane, sum);
    }
  }
}
