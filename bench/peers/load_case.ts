/**
 * One load of a package in a process of its own: by the engine's runner, or its bytes alone, read and uploaded. Prints times
 * and memory as a line of JSON.
 *
 *     deno run -A bench/peers/load_case.ts '{"dir": …, "isBytesOnly": false, "numWeights": …}'
 *
 * @module
 */
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { type ModelPackage, openPackage } from "../../engine/formats/mod.ts";
import { chooseSoftwareMode, GpuDevice, Readback, setSoftwareMode } from "../../engine/gpu/mod.ts";

/** What to run. */
export interface LoadOptions {
  dir: string;
  isBytesOnly: boolean;
  numWeights: number;
}

/** What came of it. Memory is the process's own, which on a software adapter holds the device's too. */
export interface LoadResult {
  /** From the open package to weights on the device, in ms. */
  weightsMs: number;
  /** To a warm runner. */
  totalMs: number;
  packageBytes: number;
  /** What the plan says of weights and activations, or the bytes uploaded. The KV cache comes into use by and by. */
  plannedBytes: number;
  /** Resident bytes before, at most, and in the end; null where the system does not tell. */
  memory: { before: number; peak: number; after: number } | null;
}

const COPY_ALIGNMENT = 4;

async function run(options: LoadOptions): Promise<LoadResult> {
  setSoftwareMode(chooseSoftwareMode(options.numWeights, { isFused: true }));
  const device = await GpuDevice.create();
  const pkg = await openPackage(options.dir);
  const before = readMemory("VmRSS");
  const start = performance.now();
  const loaded = options.isBytesOnly
    ? await uploadShards(device, pkg)
    : await loadRunner(device, pkg, start);
  const totalMs = performance.now() - start;
  const [peak, after] = [readMemory("VmHWM"), readMemory("VmRSS")];
  return {
    weightsMs: loaded.weightsMs ?? totalMs,
    totalMs,
    packageBytes: pkg.weightsBytes,
    plannedBytes: loaded.plannedBytes,
    memory: before && peak && after ? { before, peak, after } : null,
  };
}

async function loadRunner(device: GpuDevice, pkg: ModelPackage, start: number) {
  let weightsMs: number | null = null;
  const runner = await WgslRunner.load(device, pkg, {
    onProgress(_, stage) {
      if (stage === "compiling kernels") weightsMs ??= performance.now() - start;
    },
  });
  const { weightsBytes, activationBytes } = runner.plan.memory;
  return { weightsMs, plannedBytes: weightsBytes + activationBytes };
}

/** Each file into a buffer of its size; resolves when the device has all of them. */
async function uploadShards(device: GpuDevice, { shards, weightsBytes }: ModelPackage) {
  const { raw } = device;
  const readback = new Readback(raw, COPY_ALIGNMENT, { isFast: device.hasFastReadback });
  for (const { path } of shards) {
    const bytes = await Deno.readFile(path);
    const size = Math.ceil(bytes.length / COPY_ALIGNMENT) * COPY_ALIGNMENT;
    const buffer = device.createBuffer(path, size);
    raw.queue.writeBuffer(buffer, 0, bytes, 0, size);
    await readback.submitAndRead(raw.createCommandEncoder(), buffer, COPY_ALIGNMENT);
  }
  return { weightsMs: null, plannedBytes: weightsBytes };
}

/** A line of Linux's `/proc/self/status`, in bytes. */
function readMemory(field: "VmRSS" | "VmHWM"): number | null {
  if (Deno.build.os !== "linux") return null;
  const status = Deno.readTextFileSync("/proc/self/status");
  const kilobytes = status.match(new RegExp(`^${field}:\\s*(\\d+) kB`, "m"))?.[1];
  return kilobytes === undefined ? null : 1024 * Number(kilobytes);
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
  Deno.exit(0); // a device keeps the process alive
}
