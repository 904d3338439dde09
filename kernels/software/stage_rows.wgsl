// stage_rows: makes activations of what another kernel left in a buffer
//   staged[t, :] = x[t, :]; see lib/stage_int8.wgsl and lib/stage_f32.wgsl
// Bindings (group 0)
//   x       read     [T, K] f32, in fours
//   staged  texture  [T, K]
// Dispatch   (ceil(K / 64), T)                                     Overrides  K a multiple of 8
override K: u32;

@compute @workgroup_size(8)
fn ENTRY(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.x * LANES + lane;
  let at = group.y * (K / 4u) + 2u * block; // x[t, 8 block ..]
  var low = vec4f(0.0);
  var high = vec4f(0.0);
  if (block < K / 8u) {
    low = x[at];
    high = x[at + 1u];
  }
  stage(group.y, block, lane, low, high);
}
