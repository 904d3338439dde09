// rms_norm: scales each row to unit root mean square
//   y[t, i] = x[t, i] · w[i] / sqrt(mean_i(x[t, i]²) + eps)  (+ y[t, i])
// Bindings (group 0)
//   0 x       read        [T, D]  f32, row-major, in fours
//   1 w       read        [D]     f32, in fours
//   2 y       read_write  [T, D]  f32, in fours, not the same buffer as x
// Dispatch   (T)
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

var<workgroup> partial_sums: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn rms_norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let d4_count = D / 4u;
  let row = group.x * d4_count; // x[t, 0..]
  var sum = 0.0;
  for (var i = local; i < d4_count; i += WORKGROUP_SIZE) {
    let v = x[row + i];
    sum += dot(v, v);
  }
  partial_sums[local] = sum;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < WORKGROUP_SIZE; i++) {
    total += partial_sums[i];
  }
  let scale = 1.0 / sqrt(total / f32(D) + EPS);
  for (var i = local; i < d4_count; i += WORKGROUP_SIZE) {
    var value = x[row + i] * w[i] * scale;
    if (ACCUMULATE) {
      value += y[row + i];
    }
    y[row + i] = value;
  }
}
