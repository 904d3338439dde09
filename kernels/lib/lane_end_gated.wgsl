// Ends a fused gate and up projection of the gpu set.
//   y[t, f] = act(gate · factor) · (up · factor)
//   act(v) = v / (1 + exp(-v)), or with IS_GEGLU v / 2 · (1 + tanh(sqrt(2 / π) · (v + 0.044715 v³)))
override IS_GEGLU: bool = false;

// Block 0 has the gates, block 1 the ups.
fn row_of(end: u32, block: u32) -> u32 {
  return end + block * params.num_ends;
}

fn activate(v: f32) -> f32 {
  if (IS_GEGLU) {
    // Beyond ±10 tanh is ±1 in f32; a large argument would overflow inside some drivers' tanh.
    let inner = clamp(0.7978845608 * fma(0.044715 * v * v, v, v), -10.0, 10.0);
    return 0.5 * v * (1.0 + tanh(inner));
  }
  return v / (1.0 + exp(-v));
}

fn finish(t: u32, f: u32, gate: f32, up: f32, factor: f32) {
  y[t * params.n + f] = activate(gate * factor) * (up * factor);
}
