// Writes activations for layers that take f32: texel k / 4 of a token holds columns k .. k + 3.
// Overrides  STAGED_BLOCKS blocks of eight columns are stored, those past K as zeros
override STAGED_BLOCKS: u32;

// Stores eight columns of a token; a lane with a block from STAGED_BLOCKS on stores nothing.
fn stage(row: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  if (block < STAGED_BLOCKS) {
    textureStore(staged, vec2u(2u * block, row), low);
    textureStore(staged, vec2u(2u * block + 1u, row), high);
  }
}
