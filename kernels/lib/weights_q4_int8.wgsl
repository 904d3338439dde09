// Int4 groups against int8 activations: a step is a group of 32 columns, a texel its 32 codes of one row.
//   value = (code - 7) · scale, code j of a word in bits 4 j .. 4 j + 3          Source  MLC group quantization, `q4*_1`
// Method     two products a multiplication: P = code_i + code_(i+4) · 2^16 times X = x_(i+4) + x_i · 2^16 has
//            code_i · x_i + code_(i+4) · x_(i+4) in its upper half. The sum of a group starts at -7 · Σ x, and at 2^15 in the lower
//            half, whose sum stays within ±15 · 127 · 16 = ±30,480; the upper one stays within ±8 · 127 · 32 = ±32,512.
// Precision  the sum of a group is exact; sums of groups in f32
const PAIR = vec4u(0x000f000fu);
const PAIR_SHIFTS = vec4u(0u, 4u, 8u, 12u);

// A group of one token: words of x0..x3 pair with those of words 0..3 of a texel; see lib/stage_int8.wgsl.
struct Columns {
  x0: vec4u,
  x1: vec4u,
  x2: vec4u,
  x3: vec4u,
  start: u32,
  scale: f32,
}

// Codes of a row as pairs.
struct Codes {
  c0: vec4u,
  c1: vec4u,
  c2: vec4u,
  c3: vec4u,
}

fn load_columns(g: u32, row: u32) -> Columns {
  let first = 5u * g;
  let sums = textureLoad(x, vec2u(first + 4u, row));
  return Columns(
    textureLoad(x, vec2u(first, row)),
    textureLoad(x, vec2u(first + 1u, row)),
    textureLoad(x, vec2u(first + 2u, row)),
    textureLoad(x, vec2u(first + 3u, row)),
    sums.x,
    bitcast<f32>(sums.y),
  );
}

fn unpack_row(texel: vec4u) -> Codes {
  return Codes(
    (vec4u(texel.x) >> PAIR_SHIFTS) & PAIR,
    (vec4u(texel.y) >> PAIR_SHIFTS) & PAIR,
    (vec4u(texel.z) >> PAIR_SHIFTS) & PAIR,
    (vec4u(texel.w) >> PAIR_SHIFTS) & PAIR,
  );
}

fn dot_row(codes: Codes, v: Columns, scale: f32) -> f32 {
  let sum = v.start + dot(codes.c0, v.x0) + dot(codes.c1, v.x1) + dot(codes.c2, v.x2) +
    dot(codes.c3, v.x3);
  return f32(bitcast<i32>(sum) >> 16u) * (v.scale * scale);
}
