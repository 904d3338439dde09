// RMSNorm of each query and key head, by the lanes that hold its pairs of blocks; goes behind lib/end_rope.wgsl and lib/eight_lanes.wgsl.
//   v[h, c] ← v[h, c] · w[c] / sqrt(mean_c(v[h, c]²) + HEAD_EPS),  w = query_gamma for h < H, else key_gamma
// Overrides  C = HEAD_DIM 16, 32, 64 or 128: whole heads lie in a workgroup      Source  arXiv:1910.07467, arXiv:2302.05442
override HEAD_EPS: f32;

// The sum over the lanes of a head.
fn sum_of_head(value: f32, lane: u32) -> f32 {
  if (HEAD_DIM == 128u) {
    return sum_of_lanes(value, lane);
  }
  let quad = bitcast<vec4f>(of_quad(bitcast<u32>(value), lane));
  switch (HEAD_DIM) {
    case 64u: {
      return (quad.x + quad.y) + (quad.z + quad.w);
    }
    case 32u: {
      return select(quad.x + quad.y, quad.z + quad.w, lane % 4u >= 2u);
    }
    default: {
      return value;
    }
  }
}

// All lanes take part.
fn norm_pair(pair: BlockPair, blocks: vec2u, lane: u32) -> BlockPair {
  let low = dot(pair.low_a, pair.low_a) + dot(pair.low_b, pair.low_b);
  let high = dot(pair.high_a, pair.high_a) + dot(pair.high_b, pair.high_b);
  let factor = inverseSqrt(sum_of_head(low + high, lane) / f32(HEAD_DIM) + HEAD_EPS);
  let head_blocks = HEAD_DIM / 8u;
  let head = blocks.x / head_blocks;
  let a = 2u * (blocks.x % head_blocks); // in fours
  let b = 2u * (blocks.y % head_blocks);
  var gammas: BlockPair;
  if (head < NUM_HEADS) {
    gammas = BlockPair(query_gamma[a], query_gamma[a + 1u], query_gamma[b], query_gamma[b + 1u]);
  } else if (head < NUM_HEADS + NUM_KV_HEADS) {
    gammas = BlockPair(key_gamma[a], key_gamma[a + 1u], key_gamma[b], key_gamma[b + 1u]);
  } else { // a value head
    return pair;
  }
  return BlockPair(
    pair.low_a * factor * gammas.low_a,
    pair.high_a * factor * gammas.high_a,
    pair.low_b * factor * gammas.low_b,
    pair.high_b * factor * gammas.high_b,
  );
}
