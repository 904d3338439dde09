// Int4 groups against int8 activations: a step is a group of 32 columns, a texel its 32 codes of one row.
//   value = (code - 7) · scale, code j of a word in bits 4 j .. 4 j + 3          Source  MLC group quantization, `q4*_1`
// Method     two products a multiplication: P = code_i + code_(i+4) · 2^16 times X = x_(i+4) + x_i · 2^16 has
//            code_i · x_i + code_(i+4) · x_(i+4) in its upper half. The sum of a group starts at -7 · Σ x, and at 2^15 in the lower
//            half, whose sum stays within ±15 · 127 · 16 = ±30,480; the upper one stays within ±8 · 127 · 32 = ±32,512.
// Precision  the sum of a group is exact; sums of groups in f32
const PAIR = vec4u(0x000f000fu);
const BYTE_PAIR = vec4u(0x00ff00ffu);
const BYTE_BIAS = vec4u(0x00800080u);

// A group of one token as pairs: word w of xi has x_(8w+i+4) + x_(8w+i) · 2^16.
struct Columns {
  x0: vec4u,
  x1: vec4u,
  x2: vec4u,
  x3: vec4u,
  start: u32,
  scale: f32,
}

// Codes of a row as pairs: word w of ci has code_(8w+i) + code_(8w+i+4) · 2^16.
struct Codes {
  c0: vec4u,
  c1: vec4u,
  c2: vec4u,
  c3: vec4u,
}

// Of the lane's own row.
fn load_columns(g: u32, row: u32) -> Columns {
  let first = 3u * g;
  let low = textureLoad(x, vec2u(first, row));
  let high = textureLoad(x, vec2u(first + 1u, row));
  let sums = textureLoad(x, vec2u(first + 2u, row));
  return Columns(first_pairs(low), second_pairs(low), first_pairs(high), second_pairs(high), sums.x, bitcast<f32>(sums.y));
}

// Of one row for all lanes, of which each loads a texel.
fn load_shared_columns(g: u32, row: u32, lane: u32) -> Columns {
  let texel = textureLoad(x, vec2u(3u * g + min(lane % 4u, 2u), row));
  let first = first_pairs(texel);
  let second = second_pairs(texel);
  return Columns(
    subgroupBroadcast(first, 0u),
    subgroupBroadcast(second, 0u),
    subgroupBroadcast(first, 1u),
    subgroupBroadcast(second, 1u),
    subgroupBroadcast(texel.x, 2u),
    bitcast<f32>(subgroupBroadcast(texel.y, 2u)),
  );
}

fn first_pairs(bytes: vec4u) -> vec4u {
  return (bytes & BYTE_PAIR) - BYTE_BIAS;
}

fn second_pairs(bytes: vec4u) -> vec4u {
  return ((bytes >> vec4u(8u)) & BYTE_PAIR) - BYTE_BIAS;
}

fn unpack_row(texel: vec4u) -> Codes {
  return Codes(
    texel & PAIR,
    (texel >> vec4u(4u)) & PAIR,
    (texel >> vec4u(8u)) & PAIR,
    (texel >> vec4u(12u)) & PAIR,
  );
}

fn dot_row(codes: Codes, v: Columns, scale: f32) -> f32 {
  let sum = v.start + dot(codes.c0, v.x0) + dot(codes.c1, v.x1) + dot(codes.c2, v.x2) +
    dot(codes.c3, v.x3);
  return value_of(sum, v, scale);
}

// What a group's sum stands for.
fn value_of(sum: u32, v: Columns, scale: f32) -> f32 {
  return f32(bitcast<i32>(sum) >> 16u) * (v.scale * scale);
}
