// embed_dense: reads the embedding row of each token
//   y[t, :] = w[tokens[t].id, :] · SCALE
// Bindings (group 0)
//   0 tokens  read        [T]       Token
//   1 y       read_write  [T, D]    f32, in fours
//   2 w       read        [rows, D] elem, in fours; vocabulary rows ROW_OFFSET.. of the whole table
// Dispatch   (ceil(D / (4 · WORKGROUP_SIZE)), T); a token outside this part of the table is left alone
override D: u32;
override ROW_OFFSET: u32 = 0u;
override NUM_ROWS: u32;
override SCALE: f32 = 1.0;
override WORKGROUP_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> tokens: array<Token>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<Elem4>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn embed_dense(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let d4_count = D / 4u;
  let d = group.x * WORKGROUP_SIZE + local;
  let t = group.y;
  let row = tokens[t].id - ROW_OFFSET; // wraps to a large number below the part
  if (d >= d4_count || row >= NUM_ROWS) {
    return;
  }
  y[t * d4_count + d] = unpack_elem4(w[row * d4_count + d]) * SCALE;
}
