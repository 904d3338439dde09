// Ends a fused gate and up projection; goes behind lib/gate.wgsl and lib/stage_*.wgsl.
//   staged[t, f] = gate(v[t, f]) · v[t, F + f]; a lane holds the same eight f of both
// Overrides  F a multiple of 8
override F: u32;

// A block of gates, and its block of ups.
fn lane_blocks(first: u32) -> vec2u {
  return vec2u(first, first + F / 8u);
}

// What the ends of all tokens have in common: nothing.
struct Ending {
  unused: u32,
}

fn begin_ending(blocks: vec2u) -> Ending {
  return Ending(0u);
}

// Values of a block of gates and of its block of ups.
fn finish_pair(t: u32, blocks: vec2u, lane: u32, a_low: vec4f, a_high: vec4f, b_low: vec4f, b_high: vec4f, ending: Ending) {
  let is_inside = blocks.x < F / 8u;
  let low = select(vec4f(0.0), gate(a_low) * b_low, is_inside);
  let high = select(vec4f(0.0), gate(a_high) * b_high, is_inside);
  stage(t, blocks.x, lane, low, high);
}
