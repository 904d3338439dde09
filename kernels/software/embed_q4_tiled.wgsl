// embed_q4_tiled: decodes the int4 embedding row of each token from tiles
//   y[t, d] = (code(w[tokens[t].id, d]) - 7) · scale · SCALE
// Bindings (group 0)
//   0 tokens  read        [T]     Token
//   1 y       read_write  [T, D]  f32, in fours
//   2 quants  texture     as linear_q4_tiled
//   3 scales  texture     as linear_q4_tiled
// Dispatch   (ceil(D / 64), T), one invocation a word of eight codes
override D: u32;
override ROW_OFFSET: u32 = 0u;
override NUM_ROWS: u32;
override SCALE: f32 = 1.0;

@group(0) @binding(0) var<storage, read> tokens: array<Token>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var quants: texture_storage_2d<rgba32uint, read>;
@group(0) @binding(3) var scales: texture_storage_2d<rgba32float, read>;

@compute @workgroup_size(8)
fn embed_q4_tiled(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let d4_count = D / 4u;
  let num_groups = (D + GROUP_SIZE - 1u) / GROUP_SIZE;
  let word = group.x * 8u + local; // of this row
  let d = 2u * word; // in fours
  let t = group.y;
  let row = tokens[t].id - ROW_OFFSET;
  if (d >= d4_count || row >= NUM_ROWS) {
    return;
  }
  let tile = row / ROWS_PER_TILE;
  let in_tile = row % ROWS_PER_TILE; // 8 r + lane
  let g = word / 4u;
  let codes = textureLoad(quants, tile_texel(tile, num_groups, g, in_tile))[word % 4u];
  let first = (tile * num_groups + g) * LANES;
  let at = vec2u(first & ((1u << TEXTURE_WIDTH_BITS) - 1u), first >> TEXTURE_WIDTH_BITS);
  let scale = textureLoad(scales, at + vec2u(in_tile % LANES, 0u))[in_tile / LANES] * SCALE;
  y[t * d4_count + d] = q4_low(codes) * scale;
  if (d + 1u < d4_count) {
    y[t * d4_count + d + 1u] = q4_high(codes) * scale;
  }
}
