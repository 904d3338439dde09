// Four neighbouring elements of a row, stored as f16 in two words, the lower half first.
// Words instead of array<f16>: needs no shader-f16, and arithmetic stays in f32.
alias Elem4 = vec2u;

fn unpack_elem4(packed: Elem4) -> vec4f {
  return vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y));
}

fn pack_elem4(value: vec4f) -> Elem4 {
  return vec2u(pack2x16float(value.xy), pack2x16float(value.zw));
}
