// choose_token_partial: the largest logit of each chunk of a row
//   partials[l, c] = max_v (logits[l, v], the lowest v among equals),  v in chunk c and below num_choices
// Bindings (group 0)
//   step      uniform     Step
//   logits    read        [L, V]       f32, as bits
//   partials  read_write  [L, chunks]  BestLogit
// Dispatch   (NUM_CHUNKS, L); an invocation takes CHUNK_STEPS logits, neighbours side by side
// Overrides  NUM_CHUNKS · CHUNK_STEPS · WORKGROUP_SIZE at least V
// Memory     8 · WORKGROUP_SIZE bytes of workgroup memory
// Precision  exact
override V: u32;
override NUM_CHUNKS: u32;
override CHUNK_STEPS: u32;
override WORKGROUP_SIZE: u32 = 256u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn choose_token_partial(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let l = group.y;
  let num_choices = min(step.num_choices, V);
  var best = BestLogit(0u, NO_TOKEN);
  for (var i = 0u; i < CHUNK_STEPS; i++) {
    let v = (group.x * CHUNK_STEPS + i) * WORKGROUP_SIZE + local;
    if (v < num_choices) {
      best = better_logit(best, BestLogit(logit_key(logits[l * V + v]), v)); // logits[l, v]
    }
  }
  best = best_in_workgroup(local, best);
  if (local == 0u) {
    partials[l * NUM_CHUNKS + group.x] = best; // partials[l, c]
  }
}
