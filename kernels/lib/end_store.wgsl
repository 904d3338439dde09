// Ends a layer whose output is read as it is: bias, cap, storage buffer.
//   y[t, n] = cap(v (+ bias[n])), cap(v) = SOFT_CAP · tanh(v / SOFT_CAP) if SOFT_CAP is above 0
// Overrides  N the row length of y; NUM_ROWS rows of this w, which begins at row ROW_OFFSET of y
//            ON_LOGITS: the batch is the step's L logits rows instead of its T tokens
override N: u32;
override NUM_ROWS: u32;
override ROW_OFFSET: u32 = 0u;
override HAS_BIAS: bool = false;
override ON_LOGITS: bool = false;
override SOFT_CAP: f32 = 0.0;

// The blocks of a lane; most entries take the first alone.
fn lane_blocks(first: u32) -> vec2u {
  return vec2u(first, first + LANES);
}

fn last_token() -> u32 {
  return select(step.num_tokens, step.num_logits, ON_LOGITS) - 1u;
}

// Row of x that belongs to row t of y.
fn x_row(t: u32) -> u32 {
  if (ON_LOGITS) {
    return logits_rows[min(t, last_token())];
  }
  return t;
}

fn store(t: u32, row: u32, sum: f32) {
  if (row >= NUM_ROWS) {
    return;
  }
  let n = ROW_OFFSET + row;
  var value = sum;
  if (HAS_BIAS) {
    value += bias[n];
  }
  if (SOFT_CAP > 0.0) {
    value = SOFT_CAP * tanh(value / SOFT_CAP);
  }
  y[t * N + n] = value;
}

// What the ends of all tokens have in common: nothing.
struct Ending {
  unused: u32,
}

fn begin_ending(blocks: vec2u) -> Ending {
  return Ending(0u);
}

fn finish(t: u32, block: u32, lane: u32, low: vec4f, high: vec4f, ending: Ending) {
  let row = 8u * block;
  store(t, row, low.x);
  store(t, row + 1u, low.y);
  store(t, row + 2u, low.z);
  store(t, row + 3u, low.w);
  store(t, row + 4u, high.x);
  store(t, row + 5u, high.y);
  store(t, row + 6u, high.z);
  store(t, row + 7u, high.w);
}

// Two blocks of one lane.
fn finish_pair(t: u32, blocks: vec2u, lane: u32, a_low: vec4f, a_high: vec4f, b_low: vec4f, b_high: vec4f, ending: Ending) {
  finish(t, blocks.x, lane, a_low, a_high, ending);
  finish(t, blocks.y, lane, b_low, b_high, ending);
}
