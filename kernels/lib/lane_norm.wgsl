// RMSNorm of the gpu set: the factor of a row from its squares; goes behind lib/lanes.wgsl.       Source  arXiv:1910.07467

// Σ squares + v · v, column by column.
fn add_squares(v: vec4f, squares: f32) -> f32 {
  return fma(v.w, v.w, fma(v.z, v.z, fma(v.y, v.y, fma(v.x, v.x, squares))));
}

fn norm_factor(squares: f32, eps: f32) -> f32 {
  return inverseSqrt(fma(squares, 1.0 / f32(num_columns()), eps));
}
