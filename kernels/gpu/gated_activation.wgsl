// gated_activation: activation of a fused gate and up projection; goes behind lib/gate.wgsl
//   y[t, f] = gate(x[t, f]) · x[t, F + f]
// Bindings (group 0)
//   0 x       read        [T, 2F] f32, gate then up, in fours
//   1 y       read_write  [T, F]  f32, in fours
// Dispatch   (ceil(F / (4 · WORKGROUP_SIZE)), T)
// Overrides  F a multiple of 4                                   Source  arXiv:2002.05202
override F: u32;
override WORKGROUP_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gated_activation(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let f4_count = F / 4u;
  let f = group.x * WORKGROUP_SIZE + local;
  if (f >= f4_count) {
    return;
  }
  let own = x[group.y * 2u * f4_count + f]; // x[t, 4f..]
  let up = x[group.y * 2u * f4_count + f4_count + f]; // x[t, F + 4f..]
  y[group.y * f4_count + f] = gate(own) * up;
}
