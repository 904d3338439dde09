// norm_add: joins a layer's output with the residual stream behind a norm of its own, as Gemma does
//   hidden[t, :] += x[t, :] · post_gamma / sqrt(mean(x[t, :]²) + POST_EPS), and the norm that follows; see lib/residual.wgsl
// Bindings (group 0)
//   x           read  [T, D] f32, in fours
//   post_gamma  read  [D]    f32, in fours
//   and those of lib/residual.wgsl
// Dispatch   (T): one workgroup a token
override POST_EPS: f32;

@compute @workgroup_size(8)
fn ENTRY(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.x;
  let num_fours = D / 4u;
  let first = t * num_fours; // x[t, 0..]
  var own = 0.0;
  for (var d = lane; d < num_fours; d += LANES) {
    let v = x[first + d];
    own += dot(v, v);
  }
  let sum = sum_of_lanes(own, lane);
  let factor = inverseSqrt(sum / f32(D) + POST_EPS);
  for (var tile = 0u; tile * LANES < num_fours / 2u; tile++) {
    let block = tile * LANES + lane;
    var low = vec4f(0.0);
    var high = vec4f(0.0);
    if (2u * block < num_fours) {
      low = x[first + 2u * block] * post_gamma[2u * block] * factor;
      high = x[first + 2u * block + 1u] * post_gamma[2u * block + 1u] * factor;
    }
    finish_residual(t, block, lane, low, high, gamma_of(block));
  }
}
