// What every fully connected layer shares: sizes, bias and output.
//   y[t, n] = cap(Σ_k x[t, k] · w[n, k]  (+ bias[n])  (+ y[t, n]))
// Overrides  K a multiple of 4; N the row length of y; NUM_ROWS rows of this w, which begins at row ROW_OFFSET of y
//            cap(v) = SOFT_CAP · tanh(v / SOFT_CAP) if SOFT_CAP is above 0
//            ON_LOGITS: the batch is the step's L logits rows instead of its T tokens
override K: u32;
override N: u32;
override NUM_ROWS: u32;
override ROW_OFFSET: u32 = 0u;
override HAS_BIAS: bool = false;
override ACCUMULATE: bool = false;
override ON_LOGITS: bool = false;
override SOFT_CAP: f32 = 0.0;

@group(0) @binding(0) var<storage, read> bias: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> step: Step;

fn last_token() -> u32 {
  return select(step.num_tokens, step.num_logits, ON_LOGITS) - 1u;
}

fn store(t: u32, row: u32, sum: f32) {
  let n = ROW_OFFSET + row;
  let i = t * N + n; // y[t, n]
  var value = sum;
  if (HAS_BIAS) {
    value += bias[n];
  }
  if (ACCUMULATE) {
    value += y[i];
  }
  if (SOFT_CAP > 0.0) {
    value = SOFT_CAP * tanh(value / SOFT_CAP);
  }
  y[i] = value;
}

// Stores one row for tokens t..t+3.
fn store_tile_row(t: u32, row: u32, sums: vec4f) {
  if (row >= NUM_ROWS) {
    return;
  }
  let last = last_token();
  for (var c = 0u; c < 4u; c++) {
    if (t + c <= last) {
      store(t + c, row, sums[c]);
    }
  }
}
