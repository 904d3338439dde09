import assert from "node:assert/strict";
import { withBrowserGlobals } from "../../engine/backends/web_llm/host.ts";

Deno.test("withBrowserGlobals() gives devices the adapter's limits, and each to its owner first", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  assert.ok(adapter);
  const devices: GPUDevice[] = [];
  const onDevice = (device: GPUDevice) => {
    devices.push(device);
    return Promise.resolve();
  };
  const device = await withBrowserGlobals({ caches: globalThis.caches, onDevice }, async () => {
    return await adapter.requestDevice({ requiredLimits: { maxBufferSize: 1 << 20 } });
  });
  assert.deepEqual(devices, [device]);
  assert.equal(device.limits.maxBufferSize, adapter.limits.maxBufferSize);
  device.destroy();
});
