/**
 * Tries at load what not every library can do: several sequences in one step, and a sequence that begins as a copy.
 *
 * @module
 */
import { type LibraryModel, PAGE_SIZE } from "./library_model.ts";

/** What a library can do. */
export interface LibraryAbilities {
  /** Several sequences in one step give each its own logits. */
  readonly canBatch: boolean;
  /** A copied beginning gives the same logits as a computed one. */
  readonly canFork: boolean;
  /** Why not, one sentence each. */
  readonly reasons: string[];
}

/** What is tried. */
export type ProbedModel = Pick<
  LibraryModel,
  "hasBatch" | "add" | "remove" | "fork" | "clear" | "runBatch" | "runSingle"
>;

/**
 * How far a row may be from the one it should be, as a share of what rows behind different tokens differ by: f16 sums in
 * another order move logits by some hundredths of that, a wrong row by all of it.
 */
const TOLERANCE = 0.1;
/** A full page, which a copy shares, and the beginning of another; any tokens will do, these are in every vocabulary. */
const PROMPT = Array.from({ length: PAGE_SIZE + 2 }, (_, i) => 1 + i % 5);
const FIRST = 6;
const SECOND = 7;

/**
 * Compares steps of several sequences with the same steps alone. Leaves the cache empty.
 *
 * @throws {EngineError} the library cannot even run one sequence
 */
export async function probeLibrary(model: ProbedModel): Promise<LibraryAbilities> {
  const alone = await runAlone(model);
  if (!model.hasBatch) {
    return sequential("The library has no functions for several sequences: one runs at a time");
  }
  try {
    const fault = await findFault(() => runTogether(model), alone);
    if (fault !== null) {
      return sequential(`Several sequences in one step ${fault}: one runs at a time`);
    }
    const copyFault = await findFault(() => runCopy(model), alone);
    if (copyFault === null) return { canBatch: true, canFork: true, reasons: [] };
    const reason = `A sequence that begins as a copy ${copyFault}: no prefix is shared`;
    return { canBatch: true, canFork: false, reasons: [reason] };
  } finally {
    model.clear();
  }
}

/** A row of logits and the place of the row that it should equal. */
type Claim = [logits: Float32Array, expected: number];

/** The rows behind the prompt, behind `FIRST`, and behind `SECOND`. */
async function runAlone(model: ProbedModel): Promise<Float32Array[]> {
  model.add(0);
  const rows: Float32Array[] = [];
  for (const tokens of [PROMPT, [FIRST], [SECOND]]) {
    rows.push((await model.runSingle({ id: 0, tokens })).slice());
  }
  model.remove(0);
  return rows;
}

/** A prefill and a decode of two sequences. */
async function runTogether(model: ProbedModel): Promise<Claim[]> {
  model.add(1);
  model.add(2);
  const prompts = [{ id: 1, tokens: PROMPT }, { id: 2, tokens: [...PROMPT, FIRST] }];
  const ends = [PROMPT.length - 1, 2 * PROMPT.length];
  const prefilled = await splitRows(model.runBatch(prompts, ends));
  const decoded = await splitRows(
    model.runBatch([{ id: 1, tokens: [FIRST] }, { id: 2, tokens: [SECOND] }], [0, 1]),
  );
  return [[prefilled[0]!, 0], [prefilled[1]!, 1], [decoded[0]!, 1], [decoded[1]!, 2]];
}

/** Goes on behind the first page of a sequence, beside one that decodes. */
async function runCopy(model: ProbedModel): Promise<Claim[]> {
  model.fork(2, 3, PAGE_SIZE);
  const rest = [...PROMPT.slice(PAGE_SIZE), FIRST];
  const mixed = await splitRows(
    model.runBatch([{ id: 1, tokens: [SECOND] }, { id: 3, tokens: rest }], [0, rest.length]),
  );
  const decoded = await splitRows(
    model.runBatch([{ id: 3, tokens: [SECOND] }, { id: 2, tokens: [FIRST] }], [0, 1]),
  );
  return [[mixed[0]!, 2], [mixed[1]!, 1], [decoded[0]!, 2]];
}

/** Every step of a probe has two rows; the next step overwrites them. */
async function splitRows(logits: Promise<Float32Array>): Promise<Float32Array[]> {
  const rows = await logits;
  return [rows.slice(0, rows.length / 2), rows.slice(rows.length / 2)];
}

/** What is wrong with the rows of some steps, for a sentence; null when nothing is. */
async function findFault(
  run: () => Promise<Claim[]>,
  alone: readonly Float32Array[],
): Promise<string | null> {
  let claims: Claim[];
  try {
    claims = await run();
  } catch (error) {
    return `fails in this library (${error instanceof Error ? error.message : String(error)})`;
  }
  const limit = TOLERANCE * Math.min(
    distance(alone[0]!, alone[1]!),
    distance(alone[0]!, alone[2]!),
    distance(alone[1]!, alone[2]!),
  );
  // NaN must not pass.
  const isClose = ([row, expected]: Claim) => distance(row, alone[expected]!) <= limit;
  return claims.every(isClose) ? null : "gets other logits than alone in this library";
}

/** Root mean square of the differences; infinite for rows of other lengths. */
function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / a.length);
}

function sequential(reason: string): LibraryAbilities {
  return { canBatch: false, canFork: false, reasons: [reason] };
}
