// Rows of int4 groups in the order of lib/lanes.wgsl; goes behind it and behind lib/elem_*.wgsl, the type of the scales.
//   value = (code - 7) · scale, code j of a word in bits 4 j .. 4 j + 3            Source  MLC group quantization, `q4*_1`
//   quants  [rows, G]      one vec4u a group
//   scales  [rows / 4, G]  those of four neighbouring rows together
// Method     code j is cut out where it stands: 2^23 | (code << 4 j) are the bits of the f32 2^23 + code · 16^j, so a subtraction
//            gives (code - 7) · 16^j exactly, without shifts or integer conversions. COLUMN_STEPS takes 16^j back, exactly as well.
const COLUMN_STEPS = vec4f(1.0, 0.0625, 0.00390625, 0.000244140625);
const CODE_MASKS = vec4u(0x000fu, 0x00f0u, 0x0f00u, 0xf000u);
const F32_2_POW_23 = vec4u(0x4b000000u);
const ZERO_POINTS = vec4f(8388615.0, 8388720.0, 8390400.0, 8417280.0); // 2^23 + 7 · 16^j

alias Octet = u32;

// The whole group at position p: an Octet a component.
fn load_group(row: u32, p: u32) -> vec4u {
  return quants[row * num_groups() + p];
}

// Columns 8 o .. 8 o + 7 of the group at position p.
fn load_octet(row: u32, p: u32, o: u32) -> Octet {
  return quants[row * num_groups() + p][o];
}

// The first four columns, to be multiplied by COLUMN_STEPS.
fn octet_low(octet: Octet) -> vec4f {
  return bitcast<vec4f>((vec4u(octet) & CODE_MASKS) | F32_2_POW_23) - ZERO_POINTS;
}

// The last four columns.
fn octet_high(octet: Octet) -> vec4f {
  return octet_low(octet >> 16u);
}

// Scales of rows `row` .. `row + 3`, `row` a multiple of 4.
fn scales_of(row: u32, p: u32) -> vec4f {
  return unpack_elem4(scales[(row / 4u) * num_groups() + p]);
}
