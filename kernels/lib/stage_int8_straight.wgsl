// stage_int8.wgsl for callers outside of loops, where drivers load once for all lanes what has a constant index. In a loop these
// loads cost several times those of stage_int8.wgsl.
// Writes activations for int8 layers: groups of 32 columns, an f32 scale each.
//   Texels 5 g .. 5 g + 3 of a token hold group g as pairs, word i of texel w being q_(8w+i+4) + q_(8w+i) · 2^16; texel 5 g + 4 holds
//   where the group's sum starts (-7 · Σ q in the upper half, 2^15 in the lower one) and the scale.
//   q = round(v / scale), scale = max |v| / 127
// Overrides  STAGED_BLOCKS blocks of eight columns are stored, those past K as zeros: whole groups
override STAGED_BLOCKS: u32;

var<workgroup> lane_maxima: array<f32, 8>;
var<workgroup> lane_sums: array<i32, 8>;

// Stores eight columns of a token. All lanes take part; lanes 4 j .. 4 j + 3 have the four blocks of one group. A lane with a
// block from STAGED_BLOCKS on stores nothing, and its values must be zero.
fn stage(row: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  let highest4 = max(abs(low), abs(high));
  lane_maxima[lane] = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
  workgroupBarrier();
  // Both groups of lanes: loads whose index is a constant cost a tenth of those whose index differs by lane.
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
  workgroupBarrier();
  let sum = select(
    lane_sums[0] + lane_sums[1] + lane_sums[2] + lane_sums[3],
    lane_sums[4] + lane_sums[5] + lane_sums[6] + lane_sums[7],
    lane >= 4u,
  );
  let group = block / 4u;
  if (block < STAGED_BLOCKS) {
    textureStore(
      staged,
      vec2u(5u * group + block % 4u, row),
      bitcast<vec4u>(second + (first << vec4u(16u))),
    );
    if (block % 4u == 0u) {
      let start = ((-7 * sum) << 16u) + 32768;
      let scale = highest / 127.0;
      textureStore(
        staged,
        vec2u(5u * group + 4u, row),
        vec4u(bitcast<u32>(start), bitcast<u32>(scale), 0u, 0u),
      );
    }
  }
}
