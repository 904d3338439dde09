/**
 * Everything that one comparison measured.
 *
 * @module
 */
import { median } from "../statistics.ts";
import { type Contender, ENGINE_NAMES } from "./engines.ts";
import type { AnswerPair } from "../served.ts";
import type { LoadResult } from "./load_case.ts";
import type { CaseResult } from "./results.ts";
import type { ServingResult } from "./serving/measure.ts";

/** All runs of one engine. */
export interface EngineRuns extends Pick<Contender, "engine" | "rates"> {
  runs: CaseResult[];
  /** Why it was not run to the end; null where it was. */
  failure: string | null;
}

/** Runs of one model, the n-th of each list in turns with the others' n-th. */
export interface ModelRuns {
  name: string;
  engines: EngineRuns[];
  serving: { engine: ServingResult; http: ServingResult }[];
  /** One answer by each route and from the engine; of the embedded model, several times a run. */
  answers: AnswerPair[];
  loads: { ours: LoadResult; bytes: LoadResult }[];
  /** From the start of the command line to its first text, in ms. */
  startMs: number[];
}

/** Decode rate behind the smallest context that was measured. Slow engines have but one, smaller than ours, in their favour. */
export function decodeFirst({ rates }: CaseResult): number | undefined {
  return Object.values(rates.decode)[0];
}

/** Rate of ours over a peer's, run by run; null where one of them was never measured. */
export function computeRatios(
  model: ModelRuns,
  peer: keyof typeof ENGINE_NAMES,
  pick: (run: CaseResult) => number | undefined,
  pickTheirs: typeof pick = pick,
): number[] | null {
  const find = (name: string) => model.engines.find(({ engine }) => engine === name)?.runs;
  const own = find(ENGINE_NAMES.ours);
  const theirs = find(ENGINE_NAMES[peer]);
  if (!own || !theirs) return null;
  const ratios = own.slice(0, theirs.length).map((run, i) => pick(run)! / pickTheirs(theirs[i]!)!);
  return ratios.length > 0 && ratios.every(Number.isFinite) ? ratios : null;
}

/** Middle of what is there; null of nothing. */
export function middle(values: readonly (number | null | undefined)[] | null): number | null {
  const known = (values ?? []).filter((value) => typeof value === "number");
  return known.length > 0 ? median(known) : null;
}
