// linear_dense_tiled: a fully connected layer on unquantized weights for adapters that run on the CPU
// Bindings (group 0)
//   0 bias    read        [N]       f32, unread unless HAS_BIAS
//   1 y       read_write  [T, N]    f32
//   2 step    uniform     Step
//   3 x       texture     [T, K]    f32 as stage_activations leaves it
//   4 w       texture     tiles of [rows, K] elem; see lib/tiles.wgsl
// Entries    linear_dense_tiled_gemv  one token:  dispatch (ceil(NUM_ROWS / 32), T)
//            linear_dense_tiled_gemm  4 tokens:   dispatch (ceil(NUM_ROWS / 32), ceil(T / 4))
//            Both sum in the same order, so a row does not depend on how many tokens the step has.
// Method     one SIMD group a workgroup; a lane owns four rows of a tile, so every load is a run of texels
// Precision  sums in f32
@group(0) @binding(3) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var w: texture_storage_2d<rgba32uint, read>;

fn num_places() -> u32 {
  return (K + 4u * FOURS_PER_TEXEL - 1u) / (4u * FOURS_PER_TEXEL);
}

@compute @workgroup_size(8)
fn linear_dense_tiled_gemv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.y;
  var sum = vec4f(0.0); // one component a row
  for (var k = 0u; k < num_places(); k++) {
    let at = tile_texel(group.x, num_places(), k, lane);
    let w0 = textureLoad(w, at);
    let w1 = textureLoad(w, at + vec2u(LANES, 0u));
    let w2 = textureLoad(w, at + vec2u(2u * LANES, 0u));
    let w3 = textureLoad(w, at + vec2u(3u * LANES, 0u));
    let low = textureLoad(x, vec2u(k * FOURS_PER_TEXEL, t));
    sum += vec4f(
      dot(texel_low(w0), low),
      dot(texel_low(w1), low),
      dot(texel_low(w2), low),
      dot(texel_low(w3), low),
    );
    if (FOURS_PER_TEXEL == 2u) {
      let high = textureLoad(x, vec2u(k * 2u + 1u, t));
      sum += vec4f(
        dot(texel_high(w0), high),
        dot(texel_high(w1), high),
        dot(texel_high(w2), high),
        dot(texel_high(w3), high),
      );
    }
  }
  store_rows(t, group.x, lane, sum);
}

// Products of four weights of four rows with four tokens, from texel column x_k: column r is row r, a component a token.
fn dot_tile(x_k: u32, t: u32, a0: vec4f, a1: vec4f, a2: vec4f, a3: vec4f) -> mat4x4f {
  let v0 = textureLoad(x, vec2u(x_k, t)); // tokens past the last hold what an earlier step left there
  let v1 = textureLoad(x, vec2u(x_k, t + 1u));
  let v2 = textureLoad(x, vec2u(x_k, t + 2u));
  let v3 = textureLoad(x, vec2u(x_k, t + 3u));
  return mat4x4f(
    vec4f(dot(a0, v0), dot(a0, v1), dot(a0, v2), dot(a0, v3)),
    vec4f(dot(a1, v0), dot(a1, v1), dot(a1, v2), dot(a1, v3)),
    vec4f(dot(a2, v0), dot(a2, v1), dot(a2, v2), dot(a2, v3)),
    vec4f(dot(a3, v0), dot(a3, v1), dot(a3, v2), dot(a3, v3)),
  );
}

@compute @workgroup_size(8)
fn linear_dense_tiled_gemm(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = 4u * group.y;
  var sum = mat4x4f(); // column r: row 8 r + lane of the tile, a component a token
  for (var k = 0u; k < num_places(); k++) {
    let at = tile_texel(group.x, num_places(), k, lane);
    let w0 = textureLoad(w, at);
    let w1 = textureLoad(w, at + vec2u(LANES, 0u));
    let w2 = textureLoad(w, at + vec2u(2u * LANES, 0u));
    let w3 = textureLoad(w, at + vec2u(3u * LANES, 0u));
    let x_k = k * FOURS_PER_TEXEL;
    sum += dot_tile(x_k, t, texel_low(w0), texel_low(w1), texel_low(w2), texel_low(w3));
    if (FOURS_PER_TEXEL == 2u) {
      sum += dot_tile(x_k + 1u, t, texel_high(w0), texel_high(w1), texel_high(w2), texel_high(w3));
    }
  }
  store_tile(t, group.x, lane, sum);
}
