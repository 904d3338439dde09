// Rows of f16 in the order of lib/lanes.wgsl; goes behind it.
//   w  [rows, 4 G]  a group is four pieces of eight columns; those of one round of lanes lie side by side: piece o of the i-th
//                   group of lane l is number i · 4 · K_THREADS + o · n + l of its row, n the lanes of that round
const COLUMN_STEPS = vec4f(1.0);

alias Octet = vec4u;

// Columns 8 o .. 8 o + 7 of the group at position p.
fn load_octet(row: u32, p: u32, o: u32) -> Octet {
  let lane = p % K_THREADS;
  let before = p - lane;
  let num_lanes = min(K_THREADS, num_groups() - before);
  return w[4u * (row * num_groups() + before) + o * num_lanes + lane];
}

// The first four columns.
fn octet_low(octet: Octet) -> vec4f {
  return vec4f(unpack2x16float(octet.x), unpack2x16float(octet.y));
}

// The last four columns.
fn octet_high(octet: Octet) -> vec4f {
  return vec4f(unpack2x16float(octet.z), unpack2x16float(octet.w));
}

// Only quantized formats have them.
fn scales_of(row: u32, p: u32) -> vec4f {
  return vec4f(1.0);
}
