// subgroup_lanes: tells where the invocations of a workgroup lie in their subgroups
//   lanes[i] = (index of invocation i in its subgroup, size of that subgroup)
// Bindings (group 0)
//   0 lanes  read_write  [WORKGROUP_SIZE]
// Dispatch   (1)                            Needs subgroups; WebGPU promises no order
override WORKGROUP_SIZE: u32;

@group(0) @binding(0) var<storage, read_write> lanes: array<vec2u>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn subgroup_lanes(
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) index: u32,
  @builtin(subgroup_size) size: u32,
) {
  lanes[local] = vec2u(index, size);
}
