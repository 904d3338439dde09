/**
 * A step's plan as its runner takes it.
 *
 * @module
 */
import type { ScheduledSequence } from "../scheduler/mod.ts";
import type { RunnerEntry } from "./runner.ts";

/** @param drafts what is computed behind each share's own tokens */
export function toRunnerEntries(
  plan: readonly ScheduledSequence[],
  drafts: readonly (readonly number[])[],
): RunnerEntry[] {
  return plan.map(({ sequence, numTokens, isLast }, i) => {
    const { id, tokens, numComputed, table } = sequence;
    const own = tokens.slice(numComputed, numComputed + numTokens);
    return {
      sequence: id,
      tokens: own.concat(drafts[i]!),
      firstPosition: numComputed,
      blocks: [...table.blocks], // the sequence may end while the step runs
      numLogits: isLast ? 1 + drafts[i]!.length : 0,
    };
  });
}
