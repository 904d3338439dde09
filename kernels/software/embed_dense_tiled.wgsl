// embed_dense_tiled: reads the embedding row of each token from tiles
//   y[t, :] = w[tokens[t].id, :] · SCALE
// Bindings (group 0)
//   0 tokens  read        [T]     Token
//   1 y       read_write  [T, D]  f32, in fours
//   2 w       texture     tiles of [rows, D] elem; see lib/tiles.wgsl
// Dispatch   (ceil(places / 8), T), one invocation a texel
override D: u32;
override ROW_OFFSET: u32 = 0u;
override NUM_ROWS: u32;
override SCALE: f32 = 1.0;

@group(0) @binding(0) var<storage, read> tokens: array<Token>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var w: texture_storage_2d<rgba32uint, read>;

@compute @workgroup_size(8)
fn embed_dense_tiled(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let d4_count = D / 4u;
  let num_places = (d4_count + FOURS_PER_TEXEL - 1u) / FOURS_PER_TEXEL;
  let k = group.x * 8u + local;
  let t = group.y;
  let row = tokens[t].id - ROW_OFFSET; // wraps to a large number below the part
  if (k >= num_places || row >= NUM_ROWS) {
    return;
  }
  let texel = textureLoad(w, tile_texel(row / ROWS_PER_TILE, num_places, k, row % ROWS_PER_TILE));
  let d = k * FOURS_PER_TEXEL;
  y[t * d4_count + d] = texel_low(texel) * SCALE;
  if (FOURS_PER_TEXEL == 2u && d + 1u < d4_count) {
    y[t * d4_count + d + 1u] = texel_high(texel) * SCALE;
  }
}
