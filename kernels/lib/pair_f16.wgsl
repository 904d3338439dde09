// Two neighbouring elements of the KV cache, stored as f16 in one word, the lower half first.
alias CachePair = u32;

fn pack_pair(value: vec2f) -> CachePair {
  return pack2x16float(value);
}
