import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { GpuDevice } from "../../engine/gpu/mod.ts";
import { KernelShapeFile } from "../../engine/runtime/kernel_shapes.ts";
import { makeTestDir } from "../support/test_dir.ts";

const pkg = await openPackage("models/ollm-tiny");

/** Loads on the gpu set, whatever this machine's adapter is. @returns what was done, and the logits of a prompt and a token */
async function load(shapes?: KernelShapeFile): Promise<{
  stages: string[];
  logits: Float32Array[];
}> {
  const device = await GpuDevice.create();
  Object.defineProperty(device, "info", { value: { ...device.info, kind: "gpu" } });
  const stages: string[] = [];
  const runner = await WgslRunner.load(device, pkg, {
    maxSequences: 1,
    contextLength: 64,
    ...(shapes && { shapes }),
    onProgress: (_, stage) => {
      if (stages.at(-1) !== stage) stages.push(stage);
    },
  });
  const entry = { sequence: 0, blocks: [0, 1, 2, 3], numLogits: 1 };
  const prompt = Array.from({ length: 20 }, (_, i) => i);
  const logits = [
    await runner.run([{ ...entry, tokens: prompt, firstPosition: 0 }]),
    await runner.run([{ ...entry, tokens: [7], firstPosition: 20 }]),
  ];
  runner.destroy();
  device.destroy();
  return { stages, logits };
}

Deno.test("WgslRunner.load() tunes kernels once, and the logits stay the same", async () => {
  const dir = makeTestDir();
  const plain = await load();
  const first = new KernelShapeFile(dir);
  const tuned = await load(first);
  const again = await load(new KernelShapeFile(dir));
  assert.deepEqual(plain.stages, ["loading weights", "compiling kernels", "ready"]);
  assert.deepEqual(tuned.stages, [
    "loading weights",
    "compiling kernels",
    "tuning kernels",
    "compiling kernels",
    "ready",
  ]);
  assert.deepEqual(first.remarks, []);
  const { kernels } = JSON.parse(await Deno.readTextFile(`${dir}/kernel_shapes.json`));
  assert.ok(kernels.length > 0);
  assert.match(kernels[0].kernel, /^linear dense f16 .* gemv of 1, \d+ x \d+, 32 lanes$/);
  assert.deepEqual(tuned.logits, plain.logits);
  assert.deepEqual(again.logits, plain.logits);
});
