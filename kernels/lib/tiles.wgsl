// Weights of the software set: texels of 16 bytes, in tiles of 32 rows, in the order in which a workgroup reads them.
//   texel (tile, k, r, lane) holds row 32 tile + 8 r + lane at place k; it is number ((tile · PLACES + k) · 4 + r) · 8 + lane
//   of a texture that is 8,192 texels wide, so that r and lane never leave a line
const TEXTURE_WIDTH_BITS = 13u;
const LANES = 8u;
const ROWS_PER_TILE = 32u;

// Texel (tile, k, 0, lane): add (8 r, 0) for the other rows.
fn tile_texel(tile: u32, places: u32, k: u32, lane: u32) -> vec2u {
  let first = (tile * places + k) * ROWS_PER_TILE;
  return vec2u((first & ((1u << TEXTURE_WIDTH_BITS) - 1u)) + lane, first >> TEXTURE_WIDTH_BITS);
}

