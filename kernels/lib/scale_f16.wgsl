// Quantization scales, two f16 a word: scale `index` is the lower half when index is even.
alias ScaleWord = u32;
const SCALES_PER_WORD = 2u;

fn unpack_scale(word: ScaleWord, index: u32) -> f32 {
  let pair = unpack2x16float(word);
  return select(pair.x, pair.y, (index & 1u) == 1u);
}
