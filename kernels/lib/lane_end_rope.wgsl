// Ends the projection of the gpu set to queries, keys and values: bias, RoPE, and the append to the paged KV cache.
//   (a, b) → (a cos − b sin, b cos + a sin) for rows c and c + R / 2 of a query or key head, angles by the token's position.
//   Block 0 has the first row of a pair, block 1 the second. What does not turn, of a partly rotated head or of a value head, is
//   held in pairs as well. Two neighbouring pairs end at once, so that whole words of an f16 cache are written. Behind lib/pair_*.wgsl.
// Overrides  C = HEAD_DIM and R = ROTARY_DIM multiples of 8, R ≤ C; params.row_offset and params.num_rows multiples of C
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override HEAD_DIM: u32;
override ROTARY_DIM: u32;
override HAS_BIAS: bool = false;

fn row_of(end: u32, block: u32) -> u32 {
  let head_pairs = HEAD_DIM / 2u;
  let rotary_pairs = ROTARY_DIM / 2u;
  let head = end / head_pairs;
  let i = end % head_pairs;
  let c = select(
    i + rotary_pairs + block * (head_pairs - rotary_pairs),
    i + block * rotary_pairs,
    i < rotary_pairs,
  );
  return head * HEAD_DIM + c;
}

// Values of rows `row` and `row + 1` of all heads.
fn store_pair(t: u32, row: u32, slot: u32, value: vec2f) {
  if (row < NUM_HEADS * HEAD_DIM) {
    q[(t * NUM_HEADS * HEAD_DIM + row) / 2u] = value; // q[t, row]
    return;
  }
  let kv_size = NUM_KV_HEADS * HEAD_DIM;
  let kv_row = row - NUM_HEADS * HEAD_DIM;
  if (kv_row < kv_size) {
    k_cache[(slot * kv_size + kv_row) / 2u] = pack_pair(value);
  } else {
    v_cache[(slot * kv_size + kv_row - kv_size) / 2u] = pack_pair(value);
  }
}

fn add_bias(sum: vec2f, factor: f32, row: u32) -> vec2f {
  if (HAS_BIAS) {
    return fma(sum, vec2f(factor), vec2f(bias[row], bias[row + 1u]));
  }
  return sum * factor;
}

// Sums of ends `end` and `end + 1`, an even number.
fn finish(t: u32, end: u32, first_sums: vec2f, second_sums: vec2f, factor: f32) {
  let first_row = params.row_offset + row_of(end, 0u);
  let second_row = params.row_offset + row_of(end, 1u);
  let a = add_bias(first_sums, factor, first_row);
  let b = add_bias(second_sums, factor, second_row);
  let token = tokens[t];
  let i = end % (HEAD_DIM / 2u);
  var turned_a = a;
  var turned_b = b;
  if (first_row < (NUM_HEADS + NUM_KV_HEADS) * HEAD_DIM && i < ROTARY_DIM / 2u) {
    let angle = (token.position * ROTARY_DIM + i) / 2u; // cos_sin[position, 0, i ..]
    let cosine = cos_sin[angle];
    let sine = cos_sin[angle + ROTARY_DIM / 4u];
    turned_a = fma(a, cosine, -(b * sine));
    turned_b = fma(b, cosine, a * sine);
  }
  store_pair(t, first_row, token.slot, turned_a);
  store_pair(t, second_row, token.slot, turned_b);
}
