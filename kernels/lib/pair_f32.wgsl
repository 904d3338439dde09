// Two neighbouring elements of the KV cache, stored as f32.
alias CachePair = vec2f;

fn pack_pair(value: vec2f) -> CachePair {
  return value;
}
