// rms_norm: scales each row to unit root mean square
//   y[r, i] = x[row(r), i] · w[i] / sqrt(mean_i(x[row(r), i]²) + eps)  (+ y[r, i])
// Bindings (group 0)
//   0 x       read        [T, D]  f32, row-major, in fours
//   1 w       read        [D]     f32, in fours
//   2 y       read_write  [R, D]  f32, in fours, not the same buffer as x
//   3 rows    read        [R]     u32, unread by rms_norm: there row(r) = r
// Entries    rms_norm         every token:         dispatch (T)
//            rms_norm_gather  the rows in `rows`:  dispatch (L)
// Overrides  D a multiple of 4; WORKGROUP_SIZE invocations share a row
// Memory     4 · WORKGROUP_SIZE bytes of workgroup memory
// Precision  sums in f32                                         Source  arXiv:1910.07467
override D: u32;
override EPS: f32;
override ACCUMULATE: bool = false;
override WORKGROUP_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;

var<workgroup> partial_sums: array<f32, WORKGROUP_SIZE>;

fn normalize_row(from_row: u32, to_row: u32, local: u32) {
  let d4_count = D / 4u;
  let x_row = from_row * d4_count;
  var sum = 0.0;
  for (var i = local; i < d4_count; i += WORKGROUP_SIZE) {
    let v = x[x_row + i];
    sum += dot(v, v);
  }
  partial_sums[local] = sum;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < WORKGROUP_SIZE; i++) {
    total += partial_sums[i];
  }
  let scale = 1.0 / sqrt(total / f32(D) + EPS);
  let y_row = to_row * d4_count;
  for (var i = local; i < d4_count; i += WORKGROUP_SIZE) {
    var value = x[x_row + i] * w[i] * scale;
    if (ACCUMULATE) {
      value += y[y_row + i];
    }
    y[y_row + i] = value;
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn rms_norm(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  normalize_row(group.x, group.x, local);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn rms_norm_gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  normalize_row(rows[group.x], group.x, local);
}
