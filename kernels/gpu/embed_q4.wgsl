// embed_q4: decodes the int4 embedding row of each token
//   y[t, d] = (code(w[tokens[t].id, d]) - 7) · scale · SCALE
// Bindings (group 0)
//   0 tokens  read        [T]       Token
//   1 y       read_write  [T, D]    f32, in fours
//   2 quants  read        [rows, G] one vec4u a group of 32, G = ceil(D / 32)
//   3 scales  read        [rows, G] scale words, flat
// Dispatch   (ceil(D / (8 · WORKGROUP_SIZE)), T), one invocation a word of eight codes; rows as in embed_dense
override D: u32;
override ROW_OFFSET: u32 = 0u;
override NUM_ROWS: u32;
override SCALE: f32 = 1.0;
override WORKGROUP_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> tokens: array<Token>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<ScaleWord>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn embed_q4(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let d4_count = D / 4u;
  let num_groups = (D + GROUP_SIZE - 1u) / GROUP_SIZE;
  let word = group.x * WORKGROUP_SIZE + local; // of this row
  let d = 2u * word; // in fours
  let t = group.y;
  let row = tokens[t].id - ROW_OFFSET;
  if (d >= d4_count || row >= NUM_ROWS) {
    return;
  }
  let i = row * num_groups + word / 4u; // w[row, group]
  let codes = quants[i][word % 4u];
  let scale = unpack_scale(scales[i / SCALES_PER_WORD], i) * SCALE;
  y[t * d4_count + d] = q4_low(codes) * scale;
  if (d + 1u < d4_count) {
    y[t * d4_count + d + 1u] = q4_high(codes) * scale;
  }
}
