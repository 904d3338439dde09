// The end of everything that changes the residual stream: adds, and prepares the norm that follows. Goes behind lib/eight_lanes.wgsl
// and lib/stage_*.wgsl.
//   hidden[t, :] = v (+ hidden[t, :]);  staged[t, :] = hidden[t, :] · gamma;  squares[t, tile] = Σ_tile hidden² (+ D · EPS in tile 0)
//   The layer that reads `staged` multiplies its sums by 1 / sqrt(Σ_tile squares / D), so no dispatch waits for a whole row.
// Overrides  D a multiple of 8                                      Source  RMSNorm, arXiv:1910.07467
override D: u32;
override EPS: f32;
override ACCUMULATE: bool = true;

// Weights of the norm for eight columns; zeros past D.
struct Gamma {
  low: vec4f,
  high: vec4f,
}

fn gamma_of(block: u32) -> Gamma {
  var own = Gamma(vec4f(0.0), vec4f(0.0));
  if (block < D / 8u) {
    own = Gamma(gamma[2u * block], gamma[2u * block + 1u]);
  }
  return own;
}

// Ends eight columns of a token; all lanes of a tile take part.
fn finish_residual(t: u32, block: u32, lane: u32, low: vec4f, high: vec4f, own: Gamma) {
  var a = vec4f(0.0);
  var b = vec4f(0.0);
  if (block < D / 8u) {
    let at = t * (D / 4u) + 2u * block; // hidden[t, 8 block ..]
    a = low;
    b = high;
    if (ACCUMULATE) {
      a += hidden[at];
      b += hidden[at + 1u];
    }
    hidden[at] = a;
    hidden[at + 1u] = b;
  }
  stage(t, block, lane, a * own.low, b * own.high);
  let sum = sum_of_lanes(dot(a, a) + dot(b, b), lane);
  if (lane == 0u) {
    let tile = block / 8u;
    let end = select(0.0, f32(D) * EPS, tile == 0u);
    textureStore(squares, vec2u(tile, t), vec4f(sum + end));
  }
}
