// The largest logit so far as integers: shaders may compare floats as if there were no NaN.
const NO_TOKEN = 0xffffffffu;

struct BestLogit {
  // Orders as f32 does, -0 like 0 and NaN above all; 0 for none
  key: u32,
  // The lowest one among equals
  id: u32,
}

const NEGATIVE_INFINITY = 0x007fffffu;
const POSITIVE_INFINITY = 0xff800000u;

// The key of an f32's bits.
fn logit_key(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return 0xffffffffu; // NaN
  }
  let is_negative = bits > 0x80000000u;
  return select(bits | 0x80000000u, ~bits, is_negative);
}

fn better_logit(a: BestLogit, b: BestLogit) -> BestLogit {
  if (b.key > a.key || (b.key == a.key && b.id < a.id)) {
    return b;
  }
  return a;
}

var<workgroup> best_of_lanes: array<BestLogit, WORKGROUP_SIZE>;

// The best of all invocations; known to the first one only. WORKGROUP_SIZE is a power of two.
fn best_in_workgroup(local: u32, own: BestLogit) -> BestLogit {
  best_of_lanes[local] = own;
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      best_of_lanes[local] = better_logit(best_of_lanes[local], best_of_lanes[local + half]);
    }
  }
  return best_of_lanes[local];
}
