// The factor that lib/residual.wgsl leaves to the layer which reads its activations: 1 / rms of a token's row.
//   A line of x_squares has a texel for each tile of 64 columns. Its length is asked for: with a constant one the driver unrolls the
//   loop a turn at a time, and goes through the whole kernel for each.
fn norm_factor(row: u32) -> f32 {
  var sum = 0.0;
  let num_tiles = textureDimensions(x_squares).x;
  for (var tile = 0u; tile < num_tiles; tile++) {
    sum += textureLoad(x_squares, vec2u(tile, row)).x;
  }
  return inverseSqrt(sum / f32(K));
}
