// What the eight lanes of a workgroup hold, told to each other. All lanes take part.
// Memory     none where a subgroup has all eight: to a driver on the CPU each access to workgroup memory costs fifty times as much
// Overrides  SUBGROUP_LANES lie side by side in one subgroup: eight or more, or four
override SUBGROUP_LANES: u32 = 8u;

// Where subgroups have four lanes.
var<workgroup> quad_sums: array<f32, 2>;
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

// The highest of a subgroup's lanes.
fn highest_of_subgroup(value: f32, lane: u32) -> f32 {
  let quad = bitcast<vec4f>(of_quad(bitcast<u32>(value), lane));
  let highest = max(max(quad.x, quad.y), max(quad.z, quad.w));
  if (SUBGROUP_LANES < 8u) {
    return highest;
  }
  return max(subgroupBroadcast(highest, 0u), subgroupBroadcast(highest, 4u));
}

// Their sum.
fn sum_of_subgroup(value: f32, lane: u32) -> f32 {
  let quad = bitcast<vec4f>(of_quad(bitcast<u32>(value), lane));
  let sum = (quad.x + quad.y) + (quad.z + quad.w);
  if (SUBGROUP_LANES < 8u) {
    return sum;
  }
  return subgroupBroadcast(sum, 0u) + subgroupBroadcast(sum, 4u);
}

// The sum of all eight lanes.
fn sum_of_lanes(value: f32, lane: u32) -> f32 {
  let sum = sum_of_subgroup(value, lane);
  if (SUBGROUP_LANES < 8u) {
    quad_sums[lane / 4u] = sum;
    workgroupBarrier();
    let sum_of_both = quad_sums[0] + quad_sums[1];
    workgroupBarrier();
    return sum_of_both;
  }
  return sum;
}
