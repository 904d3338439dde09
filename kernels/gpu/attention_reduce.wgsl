// attention_reduce: joins the splits that attention_split left, in order
//   y[t, h] = Σ_split partials · exp(maximum - M) / Σ_split weights · exp(maximum - M),  M the largest maximum
// Bindings (group 0)
//   0 tokens    read        [T]               Token
//   1 partials  read        [T, H, splits, C] f32, in fours
//   2 stats     read        [T, H, splits]    (maximum, sum of weights)
//   3 y         read_write  [T, H, C]         f32, in fours
// Dispatch   (H, T), an invocation four of C; C at most 256
// Source     flash decoding
override NUM_HEADS: u32;
override HEAD_DIM: u32;
override NUM_SPLITS: u32;
override SPLIT: u32;
override WINDOW: u32 = 0u;

@compute @workgroup_size(64)
fn attention_reduce(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let c4_count = HEAD_DIM / 4u;
  if (local >= c4_count) {
    return;
  }
  let row = group.y * NUM_HEADS + group.x; // [t, head]
  let position = tokens[group.y].position;
  let first = select(0u, position + 1u - WINDOW, WINDOW > 0u && position + 1u > WINDOW);
  var maximum = -3.0e38;
  var sum = 0.0;
  var total = vec4f();
  for (var split = first / SPLIT; split <= position / SPLIT; split++) {
    let from_split = row * NUM_SPLITS + split;
    let own = stats[from_split];
    let before = maximum;
    maximum = max(before, own.x);
    let keep = exp(before - maximum);
    let take = exp(own.x - maximum);
    sum = fma(own.y, take, sum * keep);
    total = fma(partials[from_split * c4_count + local], vec4f(take), total * keep);
  }
  y[row * c4_count + local] = total / sum;
}
