/**
 * Entry of the worker that has the driver compile an entry point.
 *
 * @module
 */
import type { BindingKind, Kernel } from "../../kernels/mod.ts";
import type { AsideRequest } from "./compile_aside.ts";
import { textureFormatOf } from "./bindings.ts";
import { GpuDevice } from "./device.ts";
import { Readback } from "./readback.ts";
import type { GpuResource } from "./resources.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;

/** Of each buffer: more than what any kernel binds at least. */
const BUFFER_BYTES = 256;

/** Zeros of a kind. */
function createResource(
  device: GpuDevice,
  kind: BindingKind,
  size: readonly [number, number] | null,
): GpuResource {
  if (size === null) {
    const usage = kind === "uniform" ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE;
    return device.createBuffer(kind, BUFFER_BYTES, usage);
  }
  return device.raw.createTexture({
    label: kind,
    size: [...size],
    format: textureFormatOf(kind)!,
    usage: GPUTextureUsage.STORAGE_BINDING,
  });
}

async function compile(request: AsideRequest): Promise<void> {
  const { kernel: { source, ...own }, entry, overrides, sizes } = request;
  const kernel: Kernel = { ...own, entries: [entry], elems: [], source: () => source };
  const device = await GpuDevice.create();
  const pipeline = await device.pipeline(kernel, entry, overrides);
  const resources = kernel.bindings.map((kind, i) => createResource(device, kind, sizes[i]!));
  const encoder = device.raw.createCommandEncoder({ label: "compile" });
  const pass = encoder.beginComputePass({ label: "compile" });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.bind(kernel, resources)());
  pass.dispatchWorkgroups(1); // only for it some drivers compile
  pass.end();
  const done = device.createBuffer("done", 4);
  const readback = new Readback(device.raw, 4, { isFast: device.hasFastReadback });
  await readback.submitAndRead(encoder, done, 4);
  device.destroy();
}

scope.onmessage = async ({ data }: MessageEvent<AsideRequest>) => {
  await compile(data);
  scope.postMessage("compiled");
};
