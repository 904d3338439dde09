/**
 * Mesa's driver on the CPU wakes a thread pool for each dispatch (25 to 50 µs) unless it is told to run inline (2.5 µs, one
 * core). Measured: inline wins below about 250 M weights, and two inline devices that share the layers use the second core for
 * prompts and batches.
 *
 * @module
 */

/** `pool`: the driver's own threads. `inline`: none. `pipelined`: inline, on two devices. */
export type SoftwareMode = "pool" | "inline" | "pipelined";

const MAX_INLINE_WEIGHTS = 250e6;

/** A guess: measured was that pipelining pays at 135 M. A step of ollm-tiny (1.5 M) is too short to share. */
const MIN_PIPELINED_WEIGHTS = 30e6;

/** Weights of a model from which on it pays to compile its layers into one dispatch: seconds at the first load. */
export const MIN_FUSED_WEIGHTS = 30e6;

/** How a software adapter should run a model of this size; `pool` where the user has chosen a number of threads. */
export function chooseSoftwareMode(
  numWeights: number,
  { numCores = navigator.hardwareConcurrency, isUsersChoice = hasUsersChoice }: {
    numCores?: number;
    isUsersChoice?: boolean;
  } = {},
): SoftwareMode {
  if (isUsersChoice || numWeights >= MAX_INLINE_WEIGHTS) return "pool";
  return numWeights >= MIN_PIPELINED_WEIGHTS && numCores >= 2 ? "pipelined" : "inline";
}

/** Devices that share a model's layers. */
export function countStages(mode: SoftwareMode): 1 | 2 {
  return mode === "pipelined" ? 2 : 1;
}

/**
 * Lets software adapters run so. Takes effect in this isolate's first `requestAdapter()`, so call it before; the variable
 * belongs to the whole process, so isolates must start one after the other. Leaves a user's own choice alone.
 */
export function setSoftwareMode(mode: SoftwareMode): void {
  if (hasUsersChoice) return;
  if (mode === "pool") Deno.env.delete(VARIABLE);
  else Deno.env.set(VARIABLE, "0");
}

/** Threads that a software adapter of this isolate runs on, after its first `requestAdapter()`. */
export function countSoftwareThreads(): number {
  const chosen = Number(Deno.env.get(VARIABLE) ?? navigator.hardwareConcurrency);
  return Number.isInteger(chosen) && chosen > 0 ? chosen : 1;
}

const VARIABLE = "LP_NUM_THREADS";
const OWN_MARK = "OLLM_OWN_LP_NUM_THREADS";

/** A variable that another isolate of this process set is not the user's. */
const hasUsersChoice = Deno.env.has(VARIABLE) && !Deno.env.has(OWN_MARK);
if (!hasUsersChoice) Deno.env.set(OWN_MARK, "1");
