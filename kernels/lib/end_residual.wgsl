// Ends a layer whose output joins the residual stream; goes behind lib/residual.wgsl.
// The blocks of a lane; most entries take the first alone.
fn lane_blocks(first: u32) -> vec2u {
  return vec2u(first, first + LANES);
}

// What the ends of all tokens have in common.
struct Ending {
  a: Gamma,
  b: Gamma,
}

fn begin_ending(blocks: vec2u) -> Ending {
  return Ending(gamma_of(blocks.x), gamma_of(blocks.y));
}

fn finish(t: u32, block: u32, lane: u32, low: vec4f, high: vec4f, ending: Ending) {
  finish_residual(t, block, lane, low, high, ending.a);
}

// Two blocks of one lane.
fn finish_pair(t: u32, blocks: vec2u, lane: u32, a_low: vec4f, a_high: vec4f, b_low: vec4f, b_high: vec4f, ending: Ending) {
  finish_residual(t, blocks.x, lane, a_low, a_high, ending.a);
  finish_residual(t, blocks.y, lane, b_low, b_high, ending.b);
}
