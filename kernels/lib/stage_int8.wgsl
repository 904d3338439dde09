// Writes activations for int8 layers: groups of 32 columns, an f32 scale each; goes behind lib/bytes.wgsl and lib/eight_lanes.wgsl.
//   q = round(v / scale), scale = max |v| / 127. Texels 3 g and 3 g + 1 of a token hold group g as bytes q + 128: word w of the first
//   q_(8w+4), q_(8w+5), q_(8w), q_(8w+1), lowest byte first, and of the second the two behind each. So every other byte of a word is
//   a pair that one multiplication takes; see lib/weights_q4_int8.wgsl. Texel 3 g + 2 holds where the group's sum starts (-7 · Σ q in
//   the upper half, 2^15 in the lower one) and the scale.
// Overrides  STAGED_BLOCKS blocks of eight columns are stored, those past K as zeros: whole groups
override STAGED_BLOCKS: u32;

// Stores eight columns of a token. All lanes take part; lanes 4 j .. 4 j + 3 have the four blocks of one group. A lane with a
// block from STAGED_BLOCKS on stores nothing, and its values must be zero.
fn stage(row: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  let highest4 = max(abs(low), abs(high));
  let own_highest = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
  let maxima = bitcast<vec4f>(of_quad(bitcast<u32>(own_highest), lane));
  let highest = max(max(maxima.x, maxima.y), max(maxima.z, maxima.w));
  let inverse = select(0.0, 127.0 / highest, highest > 0.0);
  let first = vec4i(round(low * inverse));
  let second = vec4i(round(high * inverse));
  let sum4 = first + second;
  let sums = bitcast<vec4i>(of_quad(bitcast<u32>(sum4.x + sum4.y + sum4.z + sum4.w), lane));
  let words = of_quad(pack_bytes(second.x, second.y, first.x, first.y), lane);
  let words_behind = of_quad(pack_bytes(second.z, second.w, first.z, first.w), lane);
  let part = block % 4u;
  if (block < STAGED_BLOCKS && part < 3u) {
    // The group's two texels of bytes, and that of its sum and scale, a lane each.
    let start = ((-7 * (sums.x + sums.y + sums.z + sums.w)) << 16u) + 32768;
    let scale = highest / 127.0;
    textureStore(
      staged,
      vec2u(3u * (block / 4u) + part, row),
      select(
        select(words, words_behind, part == 1u),
        vec4u(bitcast<u32>(start), bitcast<u32>(scale), 0u, 0u),
        part == 2u,
      ),
    );
  }
}
