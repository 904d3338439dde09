// The order in which a lane sums its blocks where it sums those that it ends; goes behind lib/end_*.wgsl.
// The block that a lane sums in some half of a tile, or of a pair of tiles.
fn block_in_order(tile: u32, half: u32, lane: u32) -> u32 {
  return lane_blocks(tile * LANES + lane)[half];
}

// Sums of a lane's first or second block, of those that lanes have of both halves.
fn sums_in_order(first: vec4f, second: vec4f, block: u32, which: u32, lane: u32) -> vec4f {
  return select(first, second, which == 1u);
}
