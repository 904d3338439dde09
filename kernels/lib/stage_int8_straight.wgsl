// stage_int8.wgsl for callers outside of loops, where drivers load once for all lanes what has a constant index. In a loop these
// loads cost several times those of stage_int8.wgsl.
override STAGED_BLOCKS: u32;

var<workgroup> lane_maxima: array<f32, 8>;
var<workgroup> lane_sums: array<i32, 8>;
var<workgroup> lane_words: array<vec2u, 8>;

// Stores eight columns of a token. All lanes take part; lanes 4 j .. 4 j + 3 have the four blocks of one group. A lane with a
// block from STAGED_BLOCKS on stores nothing, and its values must be zero.
fn stage(row: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  let highest4 = max(abs(low), abs(high));
  lane_maxima[lane] = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
  workgroupBarrier();
  let highest = select(
    max(max(lane_maxima[0], lane_maxima[1]), max(lane_maxima[2], lane_maxima[3])),
    max(max(lane_maxima[4], lane_maxima[5]), max(lane_maxima[6], lane_maxima[7])),
    lane >= 4u,
  );
  let inverse = select(0.0, 127.0 / highest, highest > 0.0);
  let first = vec4i(round(low * inverse));
  let second = vec4i(round(high * inverse));
  let sum4 = first + second;
  lane_sums[lane] = sum4.x + sum4.y + sum4.z + sum4.w;
  lane_words[lane] = vec2u(
    pack_bytes(second.x, second.y, first.x, first.y),
    pack_bytes(second.z, second.w, first.z, first.w),
  );
  workgroupBarrier();
  let sum = select(
    lane_sums[0] + lane_sums[1] + lane_sums[2] + lane_sums[3],
    lane_sums[4] + lane_sums[5] + lane_sums[6] + lane_sums[7],
    lane >= 4u,
  );
  let words_0 = select(lane_words[0], lane_words[4], lane >= 4u);
  let words_1 = select(lane_words[1], lane_words[5], lane >= 4u);
  let words_2 = select(lane_words[2], lane_words[6], lane >= 4u);
  let words_3 = select(lane_words[3], lane_words[7], lane >= 4u);
  let part = block % 4u;
  if (block < STAGED_BLOCKS && part < 3u) {
    // The group's two texels of bytes, and that of its sum and scale, a lane each.
    let start = ((-7 * sum) << 16u) + 32768;
    let bytes = select(
      vec4u(words_0.x, words_1.x, words_2.x, words_3.x),
      vec4u(words_0.y, words_1.y, words_2.y, words_3.y),
      part == 1u,
    );
    let texel = select(
      bytes,
      vec4u(bitcast<u32>(start), bitcast<u32>(highest / 127.0), 0u, 0u),
      part == 2u,
    );
    textureStore(staged, vec2u(3u * (block / 4u) + part, row), texel);
  }
}
