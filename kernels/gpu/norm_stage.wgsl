// norm_stage: prepares RMSNorm for a layer that applies the factor itself
//   staged[r, i] = x[row(r), i] · w[i];  factors[r] = 1 / sqrt(mean_i(x[row(r), i]²) + EPS)
// Bindings (group 0)
//   0 x        read        [T, K]  f32, row-major, in fours
//   1 w        read        [K]     f32, in fours
//   2 staged   read_write  [R, K]  f32, in fours
//   3 factors  read_write  [R]     f32
//   4 rows     read        [R]     u32, unread by norm_stage: there row(r) = r
// Entries    norm_stage         every token:         dispatch (T)
//            norm_stage_gather  the rows in `rows`:  dispatch (L)
// Method     squares are added up as lib/lanes.wgsl says, as by layers that compute the factor themselves
// Overrides  K a multiple of 8; K_THREADS
// Memory     4 · K_THREADS bytes of workgroup memory              Source  arXiv:1910.07467
override K: u32;
override EPS: f32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> staged: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> factors: array<f32>;
@group(0) @binding(4) var<storage, read> rows: array<u32>;

var<workgroup> lane_squares: array<f32, K_THREADS>;

fn num_columns() -> u32 {
  return K;
}

fn stage_row(from_row: u32, to_row: u32, lane: u32) {
  let k4_count = K / 4u;
  let first = GROUP_FOURS * first_group(lane);
  let last = min(k4_count, first + GROUP_FOURS * num_groups_of(lane));
  var sum = 0.0;
  for (var i = first; i < last; i++) {
    let v = x[from_row * k4_count + i];
    sum = add_squares(v, sum);
    staged[to_row * k4_count + i] = v * w[i];
  }
  lane_squares[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < K_THREADS; i++) {
      total += lane_squares[i];
    }
    factors[to_row] = norm_factor(total, EPS);
  }
}

@compute @workgroup_size(K_THREADS)
fn norm_stage(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  stage_row(group.x, group.x, lane);
}

@compute @workgroup_size(K_THREADS)
fn norm_stage_gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  stage_row(rows[group.x], group.x, lane);
}
