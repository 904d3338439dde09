// How the gpu set deals a row's groups of 32 columns to the lanes that share a dot product.
//   Lane l takes consecutive groups, from first_group(l) on; the first G % K_THREADS lanes take one more than the others.
//   Weights lie in the order in which lanes read them: the i-th group of lane l is number i · K_THREADS + l of its row, so that
//   neighbouring lanes load neighbouring bytes, and nothing is padded.
//   A sum over K is, in every kernel: products of a group in order of columns, groups of a lane in order, lanes in order. Each is a
//   chain of fma(), which leaves a compiler nothing to contract, so kernels that share rows between lanes and kernels that do not
//   give the same bits.
//   The kernel that this goes into defines num_columns(), K, a multiple of 8.
// Overrides  K_THREADS lanes, at least 8
override K_THREADS: u32 = 32u;

const GROUP_COLUMNS = 32u;
const GROUP_FOURS = 8u;

// G.
fn num_groups() -> u32 {
  return (num_columns() + GROUP_COLUMNS - 1u) / GROUP_COLUMNS;
}

fn num_groups_of(lane: u32) -> u32 {
  return num_groups() / K_THREADS + select(0u, 1u, lane < num_groups() % K_THREADS);
}

fn first_group(lane: u32) -> u32 {
  return lane * (num_groups() / K_THREADS) + min(lane, num_groups() % K_THREADS);
}

// Where group g of a row lies.
fn position_of(g: u32) -> u32 {
  let least = num_groups() / K_THREADS; // groups of a lane
  let num_longer = num_groups() % K_THREADS;
  let border = num_longer * (least + 1u);
  if (g < border) {
    return (g % (least + 1u)) * K_THREADS + g / (least + 1u);
  }
  let rest = g - border;
  return (rest % max(least, 1u)) * K_THREADS + num_longer + rest / max(least, 1u);
}
