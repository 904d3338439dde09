/**
 * Mends a race in the kernel that merges the attention over earlier tokens into that over a step's own. The compiler has all
 * invocations of a row read its scale from `S` and then all write the new one there, in place. That is right only where
 * a row's invocations run in lockstep: with vectors narrower than a row (CPU drivers, 8-wide subgroups) the second half
 * reads what the first has written. Every prompt in chunks and every shared prefix passes through it.
 *
 * @module
 */
import type { RewrittenKernel } from "./dispatch.ts";

/** A {@linkcode KernelRewriter}: puts a barrier between the loads and the store; null where there is nothing to mend. */
export function mendRace(name: string, code: string): RewrittenKernel | null {
  if (!name.startsWith("merge_state_inplace") || code.includes("workgroupBarrier")) return null;
  const stores = [...code.matchAll(/^[ \t]*S\[[^\n]*\] = [^\n]*;$/gm)];
  const at = stores.length === 1 ? stores[0]!.index : undefined;
  if (at === undefined) return null;
  return {
    code: `${code.slice(0, at)}  workgroupBarrier();\n${code.slice(at)}`,
    workgroups: ([x, y, z]) => [x, y, z],
  };
}
