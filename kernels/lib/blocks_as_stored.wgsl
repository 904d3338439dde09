// The order in which a lane sums blocks where it ends those that turn into each other: as they lie in memory, as long as eight pairs
// are whole heads; goes behind lib/end_rope.wgsl and lib/eight_lanes.wgsl.
// The block that a lane sums in some half of a pair of tiles.
fn block_in_order(tile: u32, half: u32, lane: u32) -> u32 {
  if (are_heads_whole()) {
    return (2u * tile + half) * LANES + lane;
  }
  return lane_blocks(tile * LANES + lane)[half];
}

// Sums of the block that a lane ends as its first or second one, of those that lanes have of both halves.
fn sums_in_order(first: vec4f, second: vec4f, block: u32, which: u32, lane: u32) -> vec4f {
  if (are_heads_whole()) {
    let of_first = at_lane(first, block % LANES, lane);
    let of_second = at_lane(second, block % LANES, lane);
    return select(of_first, of_second, (block / LANES) % 2u == 1u);
  }
  return select(first, second, which == 1u);
}

fn are_heads_whole() -> bool {
  return LANES % (HEAD_DIM / 16u) == 0u;
}
