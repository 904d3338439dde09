// linear_q4: a fully connected layer on int4 groups; sizes, output and entries as lib/linear.wgsl and
// lib/linear_reduce.wgsl say
// Bindings (group 0)
//   0 bias    read        [N]       f32, unread unless HAS_BIAS
//   1 y       read_write  [T, N]    f32
//   2 step    uniform     Step
//   3 x       read        [T, K]    f32, row-major, in fours
//   4 quants  read        [rows, G] one vec4u a group of 32, G = ceil(K / 32); codes past K are 7 (zero)
//   5 scales  read        [rows, G] scale words, flat
// Precision  sums in f32
@group(0) @binding(3) var<storage, read> x: array<vec4f>;
@group(0) @binding(4) var<storage, read> quants: array<vec4u>;
@group(0) @binding(5) var<storage, read> scales: array<ScaleWord>;

fn num_groups() -> u32 {
  return (K + GROUP_SIZE - 1u) / GROUP_SIZE;
}

fn scale_at(i: u32) -> f32 {
  return unpack_scale(scales[i / SCALES_PER_WORD], i);
}

// x[row of x, 4k..]; past the end of a row the codes are zero, so any finite value will do.
fn x_at(x_row: u32, k: u32) -> vec4f {
  return x[x_row + min(k, K / 4u - 1u)];
}

// Dot products of the same eight codes of four rows with one token.
fn dot_rows(words: vec4u, low: vec4f, high: vec4f) -> vec4f {
  return vec4f(
    dot(q4_low(words.x), low) + dot(q4_high(words.x), high),
    dot(q4_low(words.y), low) + dot(q4_high(words.y), high),
    dot(q4_low(words.z), low) + dot(q4_high(words.z), high),
    dot(q4_low(words.w), low) + dot(q4_high(words.w), high),
  );
}

@compute @workgroup_size(K_THREADS * ROW_THREADS)
fn linear_q4_gemv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = group.y;
  let row = first_row(group.x, local);
  let last = NUM_ROWS - 1u;
  let x_row = t * (K / 4u);
  let w0 = min(row, last) * num_groups();
  let w1 = min(row + 1u, last) * num_groups();
  let w2 = min(row + 2u, last) * num_groups();
  let w3 = min(row + 3u, last) * num_groups();
  var sum = vec4f(0.0); // one lane a row
  for (var g = local % K_THREADS; g < num_groups(); g += K_THREADS) {
    let q0 = quants[w0 + g]; // quants[row, g]
    let q1 = quants[w1 + g];
    let q2 = quants[w2 + g];
    let q3 = quants[w3 + g];
    let k = 8u * g; // fours before this group
    var products = dot_rows(vec4u(q0.x, q1.x, q2.x, q3.x), x_at(x_row, k), x_at(x_row, k + 1u));
    products += dot_rows(vec4u(q0.y, q1.y, q2.y, q3.y), x_at(x_row, k + 2u), x_at(x_row, k + 3u));
    products += dot_rows(vec4u(q0.z, q1.z, q2.z, q3.z), x_at(x_row, k + 4u), x_at(x_row, k + 5u));
    products += dot_rows(vec4u(q0.w, q1.w, q2.w, q3.w), x_at(x_row, k + 6u), x_at(x_row, k + 7u));
    sum += products * vec4f(scale_at(w0 + g), scale_at(w1 + g), scale_at(w2 + g), scale_at(w3 + g));
  }
  finish_gemv(t, row, local, sum);
}

// Dot products of eight codes of four rows with four tokens; column c of the result is token c.
fn dot_tile(words: vec4u, k: u32, x0: u32, x1: u32, x2: u32, x3: u32) -> mat4x4f {
  return mat4x4f(
    dot_rows(words, x_at(x0, k), x_at(x0, k + 1u)),
    dot_rows(words, x_at(x1, k), x_at(x1, k + 1u)),
    dot_rows(words, x_at(x2, k), x_at(x2, k + 1u)),
    dot_rows(words, x_at(x3, k), x_at(x3, k + 1u)),
  );
}

@compute @workgroup_size(K_THREADS * ROW_THREADS)
fn linear_q4_gemm(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = 4u * group.y;
  let row = first_row(group.x, local);
  let last = NUM_ROWS - 1u;
  let last_t = last_token();
  let x0 = min(t, last_t) * (K / 4u);
  let x1 = min(t + 1u, last_t) * (K / 4u);
  let x2 = min(t + 2u, last_t) * (K / 4u);
  let x3 = min(t + 3u, last_t) * (K / 4u);
  let w0 = min(row, last) * num_groups();
  let w1 = min(row + 1u, last) * num_groups();
  let w2 = min(row + 2u, last) * num_groups();
  let w3 = min(row + 3u, last) * num_groups();
  var sum = mat4x4f(); // column: token, lane: row
  for (var g = local % K_THREADS; g < num_groups(); g += K_THREADS) {
    let q0 = quants[w0 + g];
    let q1 = quants[w1 + g];
    let q2 = quants[w2 + g];
    let q3 = quants[w3 + g];
    let k = 8u * g;
    var products = dot_tile(vec4u(q0.x, q1.x, q2.x, q3.x), k, x0, x1, x2, x3);
    products += dot_tile(vec4u(q0.y, q1.y, q2.y, q3.y), k + 2u, x0, x1, x2, x3);
    products += dot_tile(vec4u(q0.z, q1.z, q2.z, q3.z), k + 4u, x0, x1, x2, x3);
    products += dot_tile(vec4u(q0.w, q1.w, q2.w, q3.w), k + 6u, x0, x1, x2, x3);
    let scale = vec4f(scale_at(w0 + g), scale_at(w1 + g), scale_at(w2 + g), scale_at(w3 + g));
    sum += mat4x4f(
      products[0] * scale,
      products[1] * scale,
      products[2] * scale,
      products[3] * scale,
    );
  }
  let rows = transpose(sum); // column: row, lane: token
  finish_gemm(t, row, local, rows[0], rows[1], rows[2], rows[3]);
}
