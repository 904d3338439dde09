// Of a layer that all tokens go through; goes in front of its end.
fn last_token() -> u32 {
  return step.num_tokens - 1u;
}

fn x_row(t: u32) -> u32 {
  return t;
}
