// What the eight lanes of a workgroup hold, told to each other without workgroup memory, whose every access costs a driver on the CPU
// fifty times as much. All lanes take part.
// Overrides  SUBGROUP_LANES of them lie side by side in one subgroup: all eight, or four
override SUBGROUP_LANES: u32 = 8u;

// Where subgroups have four lanes.
var<workgroup> quad_values: array<vec4f, 2>;
var<workgroup> lane_values: array<vec4f, 8>;

// A value of each of lanes 4 j .. 4 j + 3, in these lanes.
fn of_quad(value: u32, lane: u32) -> vec4u {
  let low = vec4u(
    subgroupBroadcast(value, 0u),
    subgroupBroadcast(value, 1u),
    subgroupBroadcast(value, 2u),
    subgroupBroadcast(value, 3u),
  );
  if (SUBGROUP_LANES < 8u) {
    return low;
  }
  let high = vec4u(
    subgroupBroadcast(value, 4u),
    subgroupBroadcast(value, 5u),
    subgroupBroadcast(value, 6u),
    subgroupBroadcast(value, 7u),
  );
  return select(low, high, lane >= 4u);
}

// The value of lane 0.
fn lane_0(value: f32, lane: u32) -> f32 {
  if (SUBGROUP_LANES < 8u) {
    quad_values[lane / 4u] = vec4f(subgroupBroadcast(value, 0u));
    workgroupBarrier();
    let first = quad_values[0].x;
    workgroupBarrier();
    return first;
  }
  return subgroupBroadcast(value, 0u);
}

// The value of some lane, each its own.
fn at_lane(value: vec4f, wanted: u32, lane: u32) -> vec4f {
  if (SUBGROUP_LANES < 8u) {
    workgroupBarrier();
    lane_values[lane] = value;
    workgroupBarrier();
    return lane_values[wanted];
  }
  var found = subgroupBroadcast(value, 0u);
  found = select(found, subgroupBroadcast(value, 1u), wanted == 1u);
  found = select(found, subgroupBroadcast(value, 2u), wanted == 2u);
  found = select(found, subgroupBroadcast(value, 3u), wanted == 3u);
  found = select(found, subgroupBroadcast(value, 4u), wanted == 4u);
  found = select(found, subgroupBroadcast(value, 5u), wanted == 5u);
  found = select(found, subgroupBroadcast(value, 6u), wanted == 6u);
  return select(found, subgroupBroadcast(value, 7u), wanted == 7u);
}

// The highest of all lanes.
fn highest_of_lanes(value: f32, lane: u32) -> f32 {
  let own = bitcast<vec4f>(of_quad(bitcast<u32>(value), lane));
  let highest = max(max(own.x, own.y), max(own.z, own.w));
  if (SUBGROUP_LANES < 8u) {
    quad_values[lane / 4u] = vec4f(highest);
    workgroupBarrier();
    let highest_of_all = max(quad_values[0].x, quad_values[1].x);
    workgroupBarrier();
    return highest_of_all;
  }
  return max(subgroupBroadcast(highest, 0u), subgroupBroadcast(highest, 4u));
}

// Sums over all lanes, of either half first.
fn sum_of_lanes(value: vec4f, lane: u32) -> vec4f {
  let low = (subgroupBroadcast(value, 0u) + subgroupBroadcast(value, 1u)) +
    (subgroupBroadcast(value, 2u) + subgroupBroadcast(value, 3u));
  if (SUBGROUP_LANES < 8u) {
    quad_values[lane / 4u] = low;
    workgroupBarrier();
    let sum = quad_values[0] + quad_values[1];
    workgroupBarrier();
    return sum;
  }
  let high = (subgroupBroadcast(value, 4u) + subgroupBroadcast(value, 5u)) +
    (subgroupBroadcast(value, 6u) + subgroupBroadcast(value, 7u));
  return low + high;
}
