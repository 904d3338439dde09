// resume_rows: goes on with rows of the residual stream that came from elsewhere
//   prepares the norm that follows, and leaves hidden[t, :] as it is; see lib/residual.wgsl
// Bindings (group 0)
//   those of lib/residual.wgsl
// Dispatch   (ceil(D / 64), T)                                     Overrides  ACCUMULATE false

@compute @workgroup_size(8)
fn ENTRY(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.y;
  let block = group.x * LANES + lane;
  let at = t * (D / 4u) + 2u * block; // hidden[t, 8 block ..]
  var low = vec4f(0.0);
  var high = vec4f(0.0);
  if (block < D / 8u) {
    low = hidden[at];
    high = hidden[at + 1u];
  }
  finish_residual(t, block, lane, low, high);
}
