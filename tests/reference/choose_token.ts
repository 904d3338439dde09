/** Index of the largest of the first `numChoices` logits, the lowest among equals; null where one is NaN or +∞, or none is finite. */
export function chooseTokenReference(
  logits: ArrayLike<number>,
  numChoices: number,
): number | null {
  let best: number | null = null;
  for (let id = 0; id < numChoices; id++) {
    const logit = logits[id]!;
    if (Number.isNaN(logit) || logit === Infinity) return null;
    if (logit === -Infinity) continue;
    if (best === null || logit > logits[best]!) best = id;
  }
  return best;
}
