// Quantization scales, one f32 a word.
alias ScaleWord = f32;
const SCALES_PER_WORD = 1u;

fn unpack_scale(word: ScaleWord, index: u32) -> f32 {
  return word;
}
