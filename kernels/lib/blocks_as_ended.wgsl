// The order in which a lane sums its blocks where it sums those that it ends; goes behind lib/end_*.wgsl.
// The block that a lane sums in some half of a tile, or of a pair of tiles.
fn block_in_order(tile: u32, half: u32, lane: u32) -> u32 {
  return lane_blocks(tile * LANES + lane)[half];
}

// Half and lane that have a block which this lane ends as its first or second one.
fn place_in_order(block: u32, which: u32, lane: u32) -> vec2u {
  return vec2u(which, lane);
}
