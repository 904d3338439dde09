// linear_dense: a fully connected layer on unquantized weights; sizes, output and entries as lib/linear.wgsl and
// lib/linear_reduce.wgsl say
// Bindings (group 0)
//   0 bias    read        [N]       f32, unread unless HAS_BIAS
//   1 y       read_write  [T, N]    f32
//   2 step    uniform     Step
//   3 x       read        [T, K]    f32, row-major, in fours
//   4 w       read        [rows, K] elem, row-major, in fours
// Precision  sums in f32 whatever elem is
@group(0) @binding(3) var<storage, read> x: array<vec4f>;
@group(0) @binding(4) var<storage, read> w: array<Elem4>;

@compute @workgroup_size(K_THREADS * ROW_THREADS)
fn linear_dense_gemv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = group.y;
  let row = first_row(group.x, local);
  let last = NUM_ROWS - 1u;
  let k4_count = K / 4u;
  let x_row = t * k4_count;
  let w0 = min(row, last) * k4_count;
  let w1 = min(row + 1u, last) * k4_count;
  let w2 = min(row + 2u, last) * k4_count;
  let w3 = min(row + 3u, last) * k4_count;
  var sum = vec4f(0.0); // one lane a row
  for (var k = local % K_THREADS; k < k4_count; k += K_THREADS) {
    let v = x[x_row + k]; // x[t, 4k..]
    sum += vec4f(
      dot(unpack_elem4(w[w0 + k]), v), // w[row, 4k..]
      dot(unpack_elem4(w[w1 + k]), v),
      dot(unpack_elem4(w[w2 + k]), v),
      dot(unpack_elem4(w[w3 + k]), v),
    );
  }
  finish_gemv(t, row, local, sum);
}

@compute @workgroup_size(K_THREADS * ROW_THREADS)
fn linear_dense_gemm(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = 4u * group.y;
  let row = first_row(group.x, local);
  let last = NUM_ROWS - 1u;
  let last_t = last_token();
  let k4_count = K / 4u;
  let x0 = min(t, last_t) * k4_count;
  let x1 = min(t + 1u, last_t) * k4_count;
  let x2 = min(t + 2u, last_t) * k4_count;
  let x3 = min(t + 3u, last_t) * k4_count;
  let w0 = min(row, last) * k4_count;
  let w1 = min(row + 1u, last) * k4_count;
  let w2 = min(row + 2u, last) * k4_count;
  let w3 = min(row + 3u, last) * k4_count;
  // row{r}: weights row `row + r`, one lane a token
  var row0 = vec4f(0.0);
  var row1 = vec4f(0.0);
  var row2 = vec4f(0.0);
  var row3 = vec4f(0.0);
  for (var k = local % K_THREADS; k < k4_count; k += K_THREADS) {
    let v0 = x[x0 + k];
    let v1 = x[x1 + k];
    let v2 = x[x2 + k];
    let v3 = x[x3 + k];
    let a0 = unpack_elem4(w[w0 + k]);
    let a1 = unpack_elem4(w[w1 + k]);
    let a2 = unpack_elem4(w[w2 + k]);
    let a3 = unpack_elem4(w[w3 + k]);
    row0 += vec4f(dot(a0, v0), dot(a0, v1), dot(a0, v2), dot(a0, v3));
    row1 += vec4f(dot(a1, v0), dot(a1, v1), dot(a1, v2), dot(a1, v3));
    row2 += vec4f(dot(a2, v0), dot(a2, v1), dot(a2, v2), dot(a2, v3));
    row3 += vec4f(dot(a3, v0), dot(a3, v1), dot(a3, v2), dot(a3, v3));
  }
  finish_gemm(t, row, local, row0, row1, row2, row3);
}
