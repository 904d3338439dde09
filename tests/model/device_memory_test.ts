import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { GpuDevice } from "../../engine/gpu/mod.ts";
import { writeRandomModel } from "../support/random_model.ts";

/** By label, how many times each texture and buffer of a device is destroyed that is created from here on. */
function countDestroyed({ raw }: GpuDevice): Map<object, { label: string; times: number }> {
  const objects = new Map<object, { label: string; times: number }>();
  const watch = <Made extends GPUTexture | GPUBuffer>(object: Made): Made => {
    const count = { label: object.label, times: 0 };
    objects.set(object, count);
    const destroy = object.destroy.bind(object);
    object.destroy = () => {
      count.times++;
      destroy();
    };
    return object;
  };
  const createTexture = raw.createTexture.bind(raw);
  const createBuffer = raw.createBuffer.bind(raw);
  raw.createTexture = (descriptor) => watch(createTexture(descriptor));
  raw.createBuffer = (descriptor) => watch(createBuffer(descriptor));
  return objects;
}

for (const kind of ["software", "gpu"] as const) {
  Deno.test(`WgslRunner.destroy() destroys what the ${kind} set made, each object once`, async () => {
    const dir = await writeRandomModel({
      architecture: "qwen2",
      quantization: "q4f16_1",
      hasHead: true,
    });
    const device = await GpuDevice.create();
    Object.defineProperty(device, "info", { value: { ...device.info, kind } });
    const objects = countDestroyed(device);
    const runner = await WgslRunner.load(device, await openPackage(dir), { maxSequences: 1 });
    assert.ok(objects.size > 10);
    runner.destroy();
    assert.deepEqual([...objects.values()].filter(({ times }) => times !== 1), []);
    device.destroy();
    await Deno.remove(dir, { recursive: true });
  });
}
