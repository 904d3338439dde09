// Ends the projection to queries, keys and values: bias, norms of heads, RoPE, and the append to a paged KV cache in textures.
//   A lane holds the two blocks of a head that turn into each other: row c of one with row c + R / 2 of the other. What does not
//   turn, of a partly rotated head or of a value head, is held in pairs as well. Goes behind lib/kv_tiles.wgsl, lib/kv_block_*.wgsl,
//   with lib/norm_pairs.wgsl or lib/no_norm_pairs.wgsl.
// Overrides  C = HEAD_DIM and R = ROTARY_DIM multiples of 16, R ≤ C
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override ROTARY_DIM: u32;
override HAS_BIAS: bool = false;

// Blocks of the pair-th pair, counted over all heads.
fn lane_blocks(pair: u32) -> vec2u {
  let head_pairs = HEAD_DIM / 16u;
  let rotary_pairs = ROTARY_DIM / 16u;
  let first = (pair / head_pairs) * 2u * head_pairs;
  let i = pair % head_pairs;
  if (i < rotary_pairs) {
    return vec2u(first + i, first + i + rotary_pairs);
  }
  return vec2u(first + i + rotary_pairs, first + i + head_pairs);
}

// Stores a block where its head belongs.
fn store_block(t: u32, block: u32, slot: u32, low: vec4f, high: vec4f) {
  let head_blocks = HEAD_DIM / 8u;
  let head = block / head_blocks;
  if (head < NUM_HEADS) {
    textureStore(q, vec2u(2u * block, t), low);
    textureStore(q, vec2u(2u * block + 1u, t), high);
    return;
  }
  let is_key = head < NUM_HEADS + NUM_KV_HEADS;
  let kv_head = head - select(NUM_HEADS + NUM_KV_HEADS, NUM_HEADS, is_key);
  let first = kv_texel_number(slot, NUM_KV_HEADS, kv_head, head_blocks * BLOCK_TEXELS) +
    (block % head_blocks) * BLOCK_TEXELS * KV_LANES + slot % KV_LANES;
  for (var i = 0u; i < BLOCK_TEXELS; i++) {
    let at = kv_texel_at(first + i * KV_LANES);
    if (is_key) {
      textureStore(k_cache, at.xy, at.z, block_texel(i, low, high));
    } else {
      textureStore(v_cache, at.xy, at.z, block_texel(i, low, high));
    }
  }
}

// Both blocks of a lane, in fours.
struct BlockPair {
  low_a: vec4f,
  high_a: vec4f,
  low_b: vec4f,
  high_b: vec4f,
}

// What the ends of all tokens have in common: biases of both blocks.
alias Ending = BlockPair;

fn begin_ending(blocks: vec2u) -> Ending {
  var ending = Ending(vec4f(0.0), vec4f(0.0), vec4f(0.0), vec4f(0.0));
  if (HAS_BIAS) {
    ending = Ending(
      bias[2u * blocks.x],
      bias[2u * blocks.x + 1u],
      bias[2u * blocks.y],
      bias[2u * blocks.y + 1u],
    );
  }
  return ending;
}

fn finish_pair(t: u32, blocks: vec2u, lane: u32, a_low: vec4f, a_high: vec4f, b_low: vec4f, b_high: vec4f, ending: Ending) {
  var sums = BlockPair(a_low, a_high, b_low, b_high);
  if (HAS_BIAS) {
    sums.low_a += ending.low_a;
    sums.high_a += ending.high_a;
    sums.low_b += ending.low_b;
    sums.high_b += ending.high_b;
  }
  let pair = norm_pair(sums, blocks, lane);
  let head_blocks = HEAD_DIM / 8u;
  let head = blocks.x / head_blocks;
  if (head >= NUM_HEADS + 2u * NUM_KV_HEADS) {
    return;
  }
  var low_a = pair.low_a;
  var high_a = pair.high_a;
  var low_b = pair.low_b;
  var high_b = pair.high_b;
  let token = tokens[t];
  let i = blocks.x % head_blocks;
  if (head < NUM_HEADS + NUM_KV_HEADS && i < ROTARY_DIM / 16u) {
    let half = ROTARY_DIM / 8u; // fours
    let angle = token.position * 2u * half + 2u * i; // cos_sin[position, 0, 8 i ..]
    let cos_low = cos_sin[angle];
    let cos_high = cos_sin[angle + 1u];
    let sin_low = cos_sin[angle + half];
    let sin_high = cos_sin[angle + half + 1u];
    let first_low = low_a;
    let first_high = high_a;
    low_a = first_low * cos_low - low_b * sin_low;
    high_a = first_high * cos_high - high_b * sin_high;
    low_b = low_b * cos_low + first_low * sin_low;
    high_b = high_b * cos_high + first_high * sin_high;
  }
  store_block(t, blocks.x, token.slot, low_a, high_a);
  store_block(t, blocks.y, token.slot, low_b, high_b);
}
