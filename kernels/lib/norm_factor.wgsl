// The factor that lib/residual.wgsl leaves to the layer which reads its activations: 1 / rms of a token's row.
// Overrides  NORM_TILES tiles of 64 columns in a row of K
override NORM_TILES: u32;

fn norm_factor(row: u32) -> f32 {
  var sum = 0.0;
  for (var tile = 0u; tile < NORM_TILES; tile++) {
    sum += textureLoad(x_squares, vec2u(tile, row)).x;
  }
  return inverseSqrt(sum / f32(K));
}
