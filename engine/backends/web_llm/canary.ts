/**
 * Tries at load what not every library can do: several sequences in one step, and a sequence that begins as a copy.
 *
 * @module
 */
import type { LibraryModel } from "./library_model.ts";

/** What a library can do. */
export interface LibraryAbilities {
  /** Several sequences in one step give each its own logits. */
  readonly canBatch: boolean;
  /** A copied beginning gives the same logits as a computed one. */
  readonly canFork: boolean;
  /** Why not, one sentence each. */
  readonly reasons: string[];
}

/** Sums in another order move logits by rounding alone; a wrong row differs by whole units. */
const TOLERANCE = 0.02;
/** Any tokens will do; these are in every vocabulary. */
const PROMPT = [1, 2, 3];
const FIRST = 4;
const SECOND = 5;

/** Compares steps of two sequences with the same steps alone. */
export async function probeLibrary(model: LibraryModel): Promise<LibraryAbilities> {
  if (!model.hasBatch) {
    return sequential("The library has no functions for several sequences: one runs at a time");
  }
  try {
    return await compareSteps(model);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return sequential(`The library failed at several sequences (${reason}): one runs at a time`);
  }
}

async function compareSteps(model: LibraryModel): Promise<LibraryAbilities> {
  model.add(0);
  model.add(1);
  const entries = [{ id: 0, tokens: PROMPT }, { id: 1, tokens: [...PROMPT, FIRST] }];
  const prefilled = await copyRows(
    model.runBatch(entries, [PROMPT.length - 1, entries[1]!.tokens.length + PROMPT.length - 1]),
    2,
  );
  model.fork(1, 2, PROMPT.length);
  const together = await copyRows(
    model.runBatch([0, 1, 2].map((id) => ({ id, tokens: [id === 1 ? SECOND : FIRST] })), [0, 1, 2]),
    3,
  );
  for (const id of [0, 1, 2]) model.remove(id);
  model.add(3);
  const alone: Float32Array[] = [];
  for (const tokens of [PROMPT, [FIRST], [SECOND]]) {
    alone.push(...await copyRows(model.runSingle({ id: 3, tokens }), 1));
  }
  model.remove(3);
  const pairs = [[prefilled[0], alone[0]], [prefilled[1], alone[1]], [together[0], alone[1]], [
    together[1],
    alone[2],
  ]];
  if (!pairs.every(([a, b]) => isClose(a!, b!))) {
    return sequential(
      "The library gives a sequence other logits in a batch than alone: one runs at a time",
    );
  }
  if (isClose(together[2]!, alone[1]!)) return { canBatch: true, canFork: true, reasons: [] };
  return {
    canBatch: true,
    canFork: false,
    reasons: ["The library cannot copy the beginning of a sequence: no prefix is shared"],
  };
}

async function copyRows(logits: Promise<Float32Array>, numRows: number): Promise<Float32Array[]> {
  const all = await logits;
  const size = all.length / numRows;
  return Array.from({ length: numRows }, (_, row) => all.slice(row * size, (row + 1) * size));
}

function isClose(a: Float32Array, b: Float32Array): boolean {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference; // NaN must not pass
  }
  return largest <= TOLERANCE;
}

function sequential(reason: string): LibraryAbilities {
  return { canBatch: false, canFork: false, reasons: [reason] };
}
