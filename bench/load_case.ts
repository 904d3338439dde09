/**
 * One load of one package's weights in a process of its own; prints a line of JSON.
 *
 *     deno run -A bench/load_case.ts CHECKOUT DIR load|copy
 *
 * `copy` is what no load can do without: it reads the same files and uploads as many bytes into the same resources, neither
 * checked nor repacked.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import type { ModelPlan } from "../engine/backends/wgsl/mod.ts";
import type { ModelPackage } from "../engine/formats/mod.ts";
import { type GpuDevice, isTexture, locateBuffer, locateTexture } from "../engine/gpu/mod.ts";

/** What one load took. */
export interface LoadMeasurement {
  /** From a device that is ready to weights that are all on it. */
  ms: number;
  /** Of all threads of the process, in the same time. */
  cpuMs: number;
  /** Highest resident memory of the process above that before the load. */
  peakBytes: number;
  /** Bytes of the resources; on a software adapter they lie in the process's memory. */
  deviceBytes: number;
}

async function main([checkout, dir, way]: string[]): Promise<void> {
  // The checkout's own engine, which may be older than this file.
  const { openPackage } = await import(`${checkout}/engine/formats/mod.ts`);
  const { GpuDevice } = await import(`${checkout}/engine/gpu/mod.ts`);
  const { planModel } = await import(`${checkout}/engine/backends/wgsl/model_plan.ts`);
  const { loadWeights } = await import(`${checkout}/engine/backends/wgsl/load_weights.ts`);
  const pkg: ModelPackage = await openPackage(dir);
  const device: GpuDevice = await GpuDevice.create();
  const plan: ModelPlan = planModel(pkg, device.info);
  const residentBytes = readStatus("VmRSS");
  const cpuBefore = cpuMs();
  const start = performance.now();
  if (way === "copy") copy(device, pkg, plan);
  else await loadWeights(device, pkg, plan);
  await device.raw.queue.onSubmittedWorkDone();
  const measurement: LoadMeasurement = {
    ms: performance.now() - start,
    cpuMs: cpuMs() - cpuBefore,
    peakBytes: readStatus("VmHWM") - residentBytes,
    deviceBytes: computeDeviceBytes(plan),
  };
  console.log(JSON.stringify(measurement));
}

function copy(device: GpuDevice, pkg: ModelPackage, plan: ModelPlan): void {
  const READ_BYTES = 4 * 1024 * 1024;
  const buffer = new Uint8Array(Math.max(...pkg.shards.map(({ nbytes }) => nbytes), 128 * 2 ** 20));
  const store = plan.kernelSet.matrices;
  const resources = [...store.createAll(device, plan.matrices).values()].flatMap(({ parts }) =>
    parts.flatMap((part) => part.resources)
  );
  for (const { path, nbytes } of pkg.shards) {
    using file = Deno.openSync(path);
    for (let offset = 0; offset < nbytes;) {
      offset += file.readSync(buffer.subarray(offset, Math.min(offset + READ_BYTES, nbytes)))!;
    }
  }
  for (const resource of resources) {
    if (isTexture(resource)) {
      const { texture, layer } = locateTexture(resource);
      const { width, height } = texture;
      device.raw.queue.writeTexture(
        { texture, origin: [0, 0, layer] },
        buffer.subarray(0, 16 * width * height),
        { bytesPerRow: 16 * width, rowsPerImage: height },
        [width, height],
      );
    } else {
      const { buffer: target } = locateBuffer(resource);
      device.writeBuffer(target, buffer.subarray(0, target.size));
    }
    device.flush();
  }
}

function computeDeviceBytes({ matrices, vectors, kernelSet }: ModelPlan): number {
  let bytes = 0;
  for (const layout of matrices.values()) bytes += kernelSet.matrices.computeBytes(layout);
  for (const size of vectors.values()) bytes += 4 * size;
  return bytes;
}

/** A line of Linux' account of this process, in bytes; NaN elsewhere. */
function readStatus(name: "VmRSS" | "VmHWM"): number {
  if (Deno.build.os !== "linux") return NaN;
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(status)?.[1]);
}

function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

if (import.meta.main) {
  await main(Deno.args);
  Deno.exit(0); // a device keeps the process alive
}
