/**
 * Mesa's driver on the CPU wakes a thread pool for each dispatch (25 to 50 µs) unless it is told to run inline (2.5 µs,
 * one core). Measured: inline wins below about 250 M weights.
 *
 * @module
 */
const MAX_INLINE_WEIGHTS = 250e6;

/**
 * Chooses how a software adapter runs. Takes effect in this isolate's first `requestAdapter()`, so call it before; the
 * variable belongs to the whole process, so isolates must start one after the other. Leaves a user's own choice alone.
 */
export function chooseSoftwareThreads(numWeights: number): void {
  if (isUsersChoice) return;
  if (numWeights < MAX_INLINE_WEIGHTS) Deno.env.set(VARIABLE, "0");
  else Deno.env.delete(VARIABLE);
}

/** Threads that a software adapter of this isolate runs on, after its first `requestAdapter()`. */
export function countSoftwareThreads(): number {
  const chosen = Number(Deno.env.get(VARIABLE) ?? navigator.hardwareConcurrency);
  return Number.isInteger(chosen) && chosen > 0 ? chosen : 1;
}

const VARIABLE = "LP_NUM_THREADS";
const OWN_MARK = "OLLM_OWN_LP_NUM_THREADS";

/** A variable that another isolate of this process set is not the user's. */
const isUsersChoice = Deno.env.has(VARIABLE) && !Deno.env.has(OWN_MARK);
if (!isUsersChoice) Deno.env.set(OWN_MARK, "1");
