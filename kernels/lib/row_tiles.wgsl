// Weights of the software set: texels of 16 bytes, in the order in which a workgroup reads them.
//   A tile is 64 rows; lane l of its workgroup owns rows 8 l .. 8 l + 7, a block. A tile takes LINES lines of the texture;
//   a line holds STEPS_PER_LINE steps along K, a step 64 texels: the texel of block row r and lane l is 8 r + l.
//   How many columns a step has is the format's business: lib/weights_*.wgsl.
// A rectangle of at most 16,384 texels a line, so that no step leaves its line.
const LANES = 8u;
const TEXELS_PER_STEP = 64u;

override LINES: u32 = 1u;
override STEPS_PER_LINE: u32;

// Line of a block that holds step i.
fn line_of(block: u32, i: u32) -> u32 {
  return (block / LANES) * LINES + i / STEPS_PER_LINE;
}
