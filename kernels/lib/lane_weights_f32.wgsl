// Rows of f32 in the order of lib/lanes.wgsl; goes behind it.
//   w  [rows, 8 G]  a group is eight pieces of four columns; those of one round of lanes lie side by side: piece q of the i-th
//                   group of lane l is number i · 8 · K_THREADS + q · n + l of its row, n the lanes of that round
const COLUMN_STEPS = vec4f(1.0);

struct Octet {
  low: vec4f,
  high: vec4f,
}

// Columns 8 o .. 8 o + 7 of the group at position p.
fn load_octet(row: u32, p: u32, o: u32) -> Octet {
  let lane = p % K_THREADS;
  let before = p - lane;
  let num_lanes = min(K_THREADS, num_groups() - before);
  let at = 8u * (row * num_groups() + before) + 2u * o * num_lanes + lane;
  return Octet(w[at], w[at + num_lanes]);
}

// The first four columns.
fn octet_low(octet: Octet) -> vec4f {
  return octet.low;
}

// The last four columns.
fn octet_high(octet: Octet) -> vec4f {
  return octet.high;
}

// Only quantized formats have them.
fn scales_of(row: u32, p: u32) -> vec4f {
  return vec4f(1.0);
}
