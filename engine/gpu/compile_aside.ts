/**
 * Compiles kernels on a thread and a device of their own. A driver that compiles for seconds keeps them in its cache on the disk, from
 * where this thread's device then has them at once.
 *
 * @module
 */
import type { Kernel, Overrides } from "../../kernels/mod.ts";
import { type GpuResource, isTexture, locateTexture } from "./resources.ts";

/** An entry point, in what can be sent to another thread. */
export interface AsideRequest {
  readonly kernel: Pick<Kernel, "name" | "bindings"> & { readonly source: string };
  readonly entry: string;
  readonly overrides: Overrides;
  /** Width and height of what is bound as a texture, small; null for buffers. */
  readonly sizes: readonly (readonly [number, number] | null)[];
}

/**
 * Resolves when the driver has compiled the entry point, or could not: who asks for it next learns why. What it does where its
 * bindings are zeros must end.
 *
 * @param resources that it will be bound to
 */
export function compileAside(
  kernel: Kernel,
  entry: string,
  overrides: Overrides,
  resources: readonly GpuResource[],
): Promise<void> {
  const { name, bindings } = kernel;
  const request: AsideRequest = {
    kernel: { name, bindings, source: kernel.source() },
    entry,
    overrides,
    sizes: resources.map((resource) => {
      if (!isTexture(resource)) return null;
      const { texture: { width, height } } = locateTexture(resource);
      return [likeSide(width), likeSide(height)];
    }),
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  const url = new URL("./compile_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module", name: "compiler" });
  worker.onmessage = () => resolve();
  worker.onerror = (event) => {
    event.preventDefault();
    resolve();
  };
  worker.postMessage(request);
  return promise.finally(() => worker.terminate());
}

/** A small side that drivers compile the same for: of a large one they may know whether it is a power of two. */
function likeSide(side: number): number {
  return Number.isInteger(Math.log2(side)) ? 1 : 3;
}
