// The order in which a lane sums blocks where it ends those that turn into each other: as they lie in memory, as long as eight pairs
// are whole heads; goes behind lib/end_rope.wgsl.
// The block that a lane sums in some half of a pair of tiles.
fn block_in_order(tile: u32, half: u32, lane: u32) -> u32 {
  if (are_heads_whole()) {
    return (2u * tile + half) * LANES + lane;
  }
  return lane_blocks(tile * LANES + lane)[half];
}

// Half and lane that have a block which this lane ends as its first or second one.
fn place_in_order(block: u32, which: u32, lane: u32) -> vec2u {
  if (are_heads_whole()) {
    return vec2u((block / LANES) % 2u, block % LANES);
  }
  return vec2u(which, lane);
}

fn are_heads_whole() -> bool {
  return LANES % (HEAD_DIM / 16u) == 0u;
}
