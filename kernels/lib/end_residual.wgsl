// Ends a layer whose output joins the residual stream; goes behind lib/residual.wgsl.
// The blocks of a lane; most entries take the first alone.
fn lane_blocks(first: u32) -> vec2u {
  return vec2u(first, first + LANES);
}

fn last_token() -> u32 {
  return step.num_tokens - 1u;
}

fn x_row(t: u32) -> u32 {
  return t;
}

fn finish(t: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  finish_residual(t, block, lane, low, high);
}

// Two blocks of one lane.
fn finish_pair(t: u32, blocks: vec2u, lane: u32, a_low: vec4f, a_high: vec4f, b_low: vec4f, b_high: vec4f) {
  finish(t, blocks.x, lane, a_low, a_high);
  finish(t, blocks.y, lane, b_low, b_high);
}
