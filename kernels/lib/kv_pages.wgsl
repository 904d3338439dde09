// Where the paged KV cache of the gpu set holds a position: [slots, KH, C] in fours, slots in blocks.
//   The kernel that this goes into has overrides BLOCK_SIZE, NUM_KV_HEADS and HEAD_DIM, and binds block_tables and step.

// Index of the first four of k_cache[slot of `position`, kv_head] and of v_cache alike.
fn kv_index(sequence: u32, position: u32, kv_head: u32) -> u32 {
  let block = block_tables[sequence * step.max_blocks + position / BLOCK_SIZE];
  let slot = block * BLOCK_SIZE + position % BLOCK_SIZE;
  return (slot * NUM_KV_HEADS + kv_head) * (HEAD_DIM / 4u);
}
