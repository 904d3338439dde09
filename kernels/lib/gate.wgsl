// The activation of a gate: gate(v) = v / (1 + exp(-v)), or with IS_GEGLU v / 2 · (1 + tanh(sqrt(2 / π) · (v + 0.044715 v³)))
// Source  arXiv:2002.05202, arXiv:1606.08415
override IS_GEGLU: bool = false;

fn gate(v: vec4f) -> vec4f {
  if (IS_GEGLU) {
    // Beyond ±10 tanh is ±1 in f32; a large argument would overflow inside some drivers' tanh.
    let inner = clamp(0.7978845608 * (v + 0.044715 * v * v * v), vec4f(-10.0), vec4f(10.0));
    return 0.5 * v * (1.0 + tanh(inner));
  }
  return v / (1.0 + exp(-v));
}
