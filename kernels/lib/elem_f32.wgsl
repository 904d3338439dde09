// Four neighbouring elements of a row, stored as f32.
alias Elem4 = vec4f;

fn unpack_elem4(packed: Elem4) -> vec4f {
  return packed;
}

fn pack_elem4(value: vec4f) -> Elem4 {
  return value;
}
