// choose_token: the largest logit of each row decides the token that the next step reads
//   id = argmax_v logits[l, v], the lowest one among equals; NO_TOKEN where a logit is NaN or +Inf, or none is finite
//   tokens[l] = (id, position + 1, the slot of that position, sequence)
//   chosen[position mod RING, l] = id, by the position that the row was computed at
// Bindings (group 0)
//   step          uniform     Step
//   partials      read        [L, chunks]  BestLogit of choose_token_partial
//   block_tables  read        [S, max_blocks]
//   tokens        read_write  [T]          Token; all of them want logits, so T = L
//   chosen        read_write  [RING, L]
// Dispatch   (L)
// Memory     8 · WORKGROUP_SIZE bytes of workgroup memory
// Precision  exact
// A position behind the blocks of a sequence has a slot of no meaning: no step may follow there.
override NUM_CHUNKS: u32;
override BLOCK_SIZE: u32;
override RING: u32;
override WORKGROUP_SIZE: u32 = 256u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn choose_token(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let l = group.x;
  var best = BestLogit(0u, NO_TOKEN);
  for (var c = local; c < NUM_CHUNKS; c += WORKGROUP_SIZE) {
    best = better_logit(best, partials[l * NUM_CHUNKS + c]); // partials[l, c]
  }
  best = best_in_workgroup(local, best);
  if (local != 0u) {
    return;
  }
  let is_finite = best.key > NEGATIVE_INFINITY && best.key < POSITIVE_INFINITY;
  let id = select(NO_TOKEN, best.id, is_finite);
  let token = tokens[l];
  let next = token.position + 1u;
  let block = block_tables[token.sequence * step.max_blocks + next / BLOCK_SIZE];
  tokens[l] = Token(id, next, block * BLOCK_SIZE + next % BLOCK_SIZE, token.sequence);
  chosen[(token.position % RING) * step.num_logits + l] = id; // chosen[position mod RING, l]
}
