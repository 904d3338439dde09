// linear_q4_tiled: a fully connected layer on int4 groups for adapters that run on the CPU
// Bindings (group 0)
//   0 bias    read        [N]       f32, unread unless HAS_BIAS
//   1 y       read_write  [T, N]    f32
//   2 step    uniform     Step
//   3 x       texture     [T, K]    f32 as stage_activations leaves it
//   4 quants  texture     tiles of [rows, G] groups of 32 codes, a texel a group; see lib/tiles.wgsl. Codes past K are 7
//   5 scales  texture     texel ((tile · G + g) · 8 + lane) holds the lane's four scales, f32; as wide as quants
// Entries    linear_q4_tiled_gemv, linear_q4_tiled_gemm: as linear_dense_tiled
// Precision  sums in f32
@group(0) @binding(3) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var quants: texture_storage_2d<rgba32uint, read>;
@group(0) @binding(5) var scales: texture_storage_2d<rgba32float, read>;

fn num_groups() -> u32 {
  return (K + GROUP_SIZE - 1u) / GROUP_SIZE;
}

fn scales_at(tile: u32, g: u32, lane: u32) -> vec4f {
  let first = (tile * num_groups() + g) * LANES;
  let at = vec2u((first & ((1u << TEXTURE_WIDTH_BITS) - 1u)) + lane, first >> TEXTURE_WIDTH_BITS);
  return textureLoad(scales, at);
}

// Products of the same eight codes of four rows with one token, a component a row.
fn dot_rows(words: vec4u, k: u32, t: u32) -> vec4f {
  let low = textureLoad(x, vec2u(k, t));
  let high = textureLoad(x, vec2u(k + 1u, t));
  return vec4f(
    dot(q4_low(words.x), low) + dot(q4_high(words.x), high),
    dot(q4_low(words.y), low) + dot(q4_high(words.y), high),
    dot(q4_low(words.z), low) + dot(q4_high(words.z), high),
    dot(q4_low(words.w), low) + dot(q4_high(words.w), high),
  );
}

@compute @workgroup_size(8)
fn linear_q4_tiled_gemv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.y;
  var sum = vec4f(0.0); // one component a row
  for (var g = 0u; g < num_groups(); g++) {
    let at = tile_texel(group.x, num_groups(), g, lane);
    let q0 = textureLoad(quants, at);
    let q1 = textureLoad(quants, at + vec2u(LANES, 0u));
    let q2 = textureLoad(quants, at + vec2u(2u * LANES, 0u));
    let q3 = textureLoad(quants, at + vec2u(3u * LANES, 0u));
    let k = 8u * g; // fours before this group
    var products = dot_rows(vec4u(q0.x, q1.x, q2.x, q3.x), k, t);
    products += dot_rows(vec4u(q0.y, q1.y, q2.y, q3.y), k + 2u, t);
    products += dot_rows(vec4u(q0.z, q1.z, q2.z, q3.z), k + 4u, t);
    products += dot_rows(vec4u(q0.w, q1.w, q2.w, q3.w), k + 6u, t);
    sum += products * scales_at(group.x, g, lane);
  }
  store_rows(t, group.x, lane, sum);
}

@compute @workgroup_size(8)
fn linear_q4_tiled_gemm(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = 4u * group.y;
  var sum = mat4x4f(); // column: token, component: row 8 r + lane of the tile
  for (var g = 0u; g < num_groups(); g++) {
    let at = tile_texel(group.x, num_groups(), g, lane);
    let q0 = textureLoad(quants, at);
    let q1 = textureLoad(quants, at + vec2u(LANES, 0u));
    let q2 = textureLoad(quants, at + vec2u(2u * LANES, 0u));
    let q3 = textureLoad(quants, at + vec2u(3u * LANES, 0u));
    let k = 8u * g;
    var products = dot_tile(vec4u(q0.x, q1.x, q2.x, q3.x), k, t);
    products += dot_tile(vec4u(q0.y, q1.y, q2.y, q3.y), k + 2u, t);
    products += dot_tile(vec4u(q0.z, q1.z, q2.z, q3.z), k + 4u, t);
    products += dot_tile(vec4u(q0.w, q1.w, q2.w, q3.w), k + 6u, t);
    let scale = scales_at(group.x, g, lane);
    sum += mat4x4f(
      products[0] * scale,
      products[1] * scale,
      products[2] * scale,
      products[3] * scale,
    );
  }
  store_tile(t, group.x, lane, transpose(sum));
}

// The same for tokens t..t+3, a column a token.
fn dot_tile(words: vec4u, k: u32, t: u32) -> mat4x4f {
  return mat4x4f(
    dot_rows(words, k, t), // tokens past the last hold what an earlier step left there
    dot_rows(words, k, t + 1u),
    dot_rows(words, k, t + 2u),
    dot_rows(words, k, t + 3u),
  );
}
