// Heads without norms, instead of lib/norm_pairs.wgsl.
fn norm_pair(pair: BlockPair, blocks: vec2u, lane: u32) -> BlockPair {
  return pair;
}
