/**
 * Small reductions of the runs of a comparison.
 *
 * @module
 */
import { formatSpread } from "../report.ts";

/** Median and extremes of what the runs have; a dash where none has it. */
export function spread<T>(runs: readonly T[], pick: (run: T) => number | undefined): string {
  const values = runs.map(pick).filter((value) => value !== undefined);
  return values.length > 0 ? formatSpread(values) : "–";
}

/** All different ones, in rising order. */
export function keysOf(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
