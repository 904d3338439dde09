// How invocations of the gpu set share the sums of a fully connected layer; goes behind lib/linear.wgsl.
// Overrides  K_THREADS invocations share one dot product (1 or at least 4), ROW_THREADS groups of them a workgroup
// Entries    …_gemv  one token:  dispatch (ceil(NUM_ROWS / (4 · ROW_THREADS)), T)
//            …_gemm  4 tokens:   dispatch (ceil(NUM_ROWS / (4 · ROW_THREADS)), ceil(T / 4))
//            Both sum in the same order, so a row does not depend on how many tokens the step has.
// Memory     64 · K_THREADS · ROW_THREADS bytes of workgroup memory (gemv: a quarter)
override K_THREADS: u32 = 8u;
override ROW_THREADS: u32 = 8u;

var<workgroup> partial_row: array<vec4f, K_THREADS * ROW_THREADS>;
var<workgroup> partial_tile: array<vec4f, 4 * K_THREADS * ROW_THREADS>;

// First of the four rows of invocation `local`, counted in this w.
fn first_row(group: u32, local: u32) -> u32 {
  return 4u * (group * ROW_THREADS + local / K_THREADS);
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
