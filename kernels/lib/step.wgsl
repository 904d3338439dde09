// What changes from step to step, shared by every kernel of a step.
struct Step {
  // T: tokens in the ragged batch
  num_tokens: u32,
  // L: rows that want logits
  num_logits: u32,
  // Row length of block_tables
  max_blocks: u32,
  // Ids that may be chosen, from 0 on; those behind are padding
  num_choices: u32,
}

// One token of the ragged batch.
struct Token {
  id: u32,
  // Position in its own sequence, from 0
  position: u32,
  // Slot of the paged KV cache that takes its key and value
  slot: u32,
  // Row of block_tables
  sequence: u32,
}
