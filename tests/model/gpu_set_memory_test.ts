import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { GpuDevice } from "../../engine/gpu/mod.ts";

const NUM_STEPS = 30;

/** Mesa's lavapipe keeps 600 kB and more of each dispatch of a kernel that it compiles anew: one such kernel a layer is 90 MB. */
const MAX_GROWTH_MB = 30;

Deno.test("steps of the gpu set keep no memory", async (t) => {
  const device = await GpuDevice.create();
  Object.defineProperty(device, "info", { value: { ...device.info, kind: "gpu" } });
  const pkg = await openPackage("models/ollm-tiny");
  const runner = await WgslRunner.load(device, pkg, { maxSequences: 1, contextLength: 512 });
  const blocks = Array.from({ length: 512 / runner.limits.blockSize }, (_, block) => block);
  // Within a split and beyond it; each form of a layer.
  for (const [numTokens, firstPosition] of [[1, 0], [1, 300], [6, 0], [20, 0]] as const) {
    await t.step(`${numTokens} tokens from position ${firstPosition} on`, async () => {
      const tokens = new Array<number>(numTokens).fill(0);
      const step = () => runner.run([{ sequence: 0, tokens, firstPosition, blocks, numLogits: 1 }]);
      for (let i = 0; i < 3; i++) await step();
      const before = Deno.memoryUsage().rss;
      for (let i = 0; i < NUM_STEPS; i++) await step();
      const grownMb = (Deno.memoryUsage().rss - before) / 1e6;
      assert.ok(grownMb < MAX_GROWTH_MB, `${NUM_STEPS} steps keep ${grownMb.toFixed(0)} MB`);
    });
  }
  runner.destroy();
  device.destroy();
});
