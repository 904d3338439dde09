/**
 * On how many threads Mesa's driver on the CPU runs. Its pool uses all cores and takes 30 to 150 µs to wake for each dispatch; told
 * to run inline it takes 2.5, on one core. So the pool pays where dispatches are long. Ours compute all layers of a token at once
 * (kernels/software/fused.ts), which makes them long from small models on: measured were 135 M and 494 M weights.
 *
 * @module
 */

/** `pool`: the driver's own threads. `inline`: none, the caller's alone. */
export type SoftwareMode = "pool" | "inline";

/**
 * Weights of a model from which on its layers go as one dispatch, on the pool: compiling it takes seconds at the first load. A
 * guess between what was measured and ollm-tiny (1.5 M), whose whole step is as short as the wake-up.
 */
export const MIN_FUSED_WEIGHTS = 30e6;

/** Measured on compiled libraries, and on our kernels before they were fused: below, inline is faster. */
const MIN_UNFUSED_POOL_WEIGHTS = 250e6;

/** What {@linkcode chooseSoftwareMode} depends on beside the model's size. */
export interface SoftwareModeOptions {
  /** Whether the backend can compute layers in one dispatch. */
  isFused: boolean;
  /** @default those of this machine */
  numCores?: number;
  /** Whether the user has set a number of threads. @default what the environment says */
  isUsersChoice?: boolean;
}

/** How a software adapter should run a model of this size; `pool` where the user has chosen a number of threads. */
export function chooseSoftwareMode(
  numWeights: number,
  { isFused, numCores = navigator.hardwareConcurrency, isUsersChoice = hasUsersChoice }:
    SoftwareModeOptions,
): SoftwareMode {
  if (isUsersChoice) return "pool";
  const minWeights = isFused ? MIN_FUSED_WEIGHTS : MIN_UNFUSED_POOL_WEIGHTS;
  return numCores >= 2 && numWeights >= minWeights ? "pool" : "inline";
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

let numSoftwareThreads: number | null = null;

/**
 * Threads that a software adapter of this isolate runs on. Asked for the first time behind the isolate's first `requestAdapter()`,
 * and known from then on: another isolate may change the variable.
 */
export function countSoftwareThreads(): number {
  if (numSoftwareThreads === null) {
    const chosen = Number(Deno.env.get(VARIABLE) ?? navigator.hardwareConcurrency);
    numSoftwareThreads = Number.isInteger(chosen) && chosen > 0 ? chosen : 1;
  }
  return numSoftwareThreads;
}

/** Whether the adapter runs kernels on several threads of its own: known of llvmpipe alone. */
export function hasThreadPool({ description }: { readonly description: string }): boolean {
  return description.startsWith("llvmpipe") && countSoftwareThreads() > 1;
}

const VARIABLE = "LP_NUM_THREADS";
const OWN_MARK = "OLLM_OWN_LP_NUM_THREADS";

/** A variable that another isolate of this process set is not the user's. */
const hasUsersChoice = Deno.env.has(VARIABLE) && !Deno.env.has(OWN_MARK);
if (!hasUsersChoice) Deno.env.set(OWN_MARK, "1");
