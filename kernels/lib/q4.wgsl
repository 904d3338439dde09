// A group of 32 int4 codes in four words, code j of a word in bits 4j..4j+3, zero point 7:
//   value = (code - 7) · scale                        Source  MLC group quantization, `q4*_1`

// Codes 0..3 of a word, zero point subtracted.
fn q4_low(word: u32) -> vec4f {
  return vec4f(vec4u(word, word >> 4u, word >> 8u, word >> 12u) & vec4u(15u)) - 7.0;
}

// Codes 4..7 of a word, zero point subtracted.
fn q4_high(word: u32) -> vec4f {
  return vec4f(vec4u(word >> 16u, word >> 20u, word >> 24u, word >> 28u) & vec4u(15u)) - 7.0;
}
