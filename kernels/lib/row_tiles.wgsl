// Weights of the software set: texels of 16 bytes, in the order in which a workgroup reads them.
//   A tile is 64 rows; lane l of its workgroup owns rows 8 l .. 8 l + 7, a block. A tile takes LINES lines of the texture;
//   a line holds STEPS_PER_LINE steps along K, a step 64 texels: that of block row r and lane l in step i of the line is
//   STEP_TEXELS i + ROW_TEXELS r + l. The lanes' texels of one step lie together, and behind them those of the next row (64 and 8),
//   or, where rows are short, those of the next step (8 and 8 STEPS).
//   How many columns a step has is the format's business: lib/weights_*.wgsl.
// A rectangle of at most 16,384 texels a line, so that no step leaves its line.
const LANES = 8u;

override LINES: u32 = 1u;
override STEPS_PER_LINE: u32;
override STEP_TEXELS: u32 = 64u;
override ROW_TEXELS: u32 = 8u;

// Line of a block that holds step i.
fn line_of(block: u32, i: u32) -> u32 {
  return (block / LANES) * LINES + i / STEPS_PER_LINE;
}

// A block's texel of row 0 in step i.
fn texel_of(block: u32, i: u32) -> vec2u {
  return vec2u((i % STEPS_PER_LINE) * STEP_TEXELS + block % LANES, line_of(block, i));
}
