// Writes activations for int8 layers: groups of 32 columns, an f32 scale each; goes behind lib/bytes.wgsl.
//   q = round(v / scale), scale = max |v| / 127. Texels 3 g and 3 g + 1 of a token hold group g as bytes q + 128: word w of the first
//   q_(8w+4), q_(8w+5), q_(8w), q_(8w+1), lowest byte first, and of the second the two behind each. So every other byte of a word is
//   a pair that one multiplication takes; see lib/weights_q4_int8.wgsl. Texel 3 g + 2 holds where the group's sum starts (-7 · Σ q in
//   the upper half, 2^15 in the lower one) and the scale.
// Overrides  STAGED_BLOCKS blocks of eight columns are stored, those past K as zeros: whole groups
override STAGED_BLOCKS: u32;

var<workgroup> lane_maxima: array<vec4f, 2>; // one component a lane
// One component a lane: words of a group's first texel, of its second one, and sums.
var<workgroup> lane_words: array<vec4u, 6>;

// Stores eight columns of a token. All lanes take part; lanes 4 j .. 4 j + 3 have the four blocks of one group. A lane with a
// block from STAGED_BLOCKS on stores nothing, and its values must be zero.
fn stage(row: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  let highest4 = max(abs(low), abs(high));
  lane_maxima[lane / 4u][lane % 4u] = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
  workgroupBarrier();
  let maxima = lane_maxima[lane / 4u];
  let highest = max(max(maxima.x, maxima.y), max(maxima.z, maxima.w));
  let inverse = select(0.0, 127.0 / highest, highest > 0.0);
  let first = vec4i(round(low * inverse));
  let second = vec4i(round(high * inverse));
  let sum4 = first + second;
  let texels = 3u * (lane / 4u);
  lane_words[texels][lane % 4u] = pack_bytes(second.x, second.y, first.x, first.y);
  lane_words[texels + 1u][lane % 4u] = pack_bytes(second.z, second.w, first.z, first.w);
  lane_words[texels + 2u][lane % 4u] = bitcast<u32>(sum4.x + sum4.y + sum4.z + sum4.w);
  workgroupBarrier();
  let part = block % 4u;
  if (block < STAGED_BLOCKS && part < 3u) {
    // The group's two texels of bytes, and that of its sum and scale, a lane each.
    let words = lane_words[texels + part];
    let start = ((-7 * bitcast<i32>(words.x + words.y + words.z + words.w)) << 16u) + 32768;
    let scale = highest / 127.0;
    textureStore(
      staged,
      vec2u(3u * (block / 4u) + part, row),
      select(words, vec4u(bitcast<u32>(start), bitcast<u32>(scale), 0u, 0u), part == 2u),
    );
  }
}
