import assert from "node:assert/strict";
import { LibraryCalls } from "../../../../engine/backends/web_llm/library_calls.ts";
import { CHAT_METHODS } from "../../../../engine/backends/web_llm/library_model.ts";
import { assertPipeline } from "../../../../engine/backends/web_llm/tvm.ts";
import { DeviceError, EngineError } from "../../../../engine/mod.ts";

/** An object with every private field in use, from `path: names`. */
function createPipeline(): Record<string, unknown> {
  const methods = (names: string) =>
    Object.fromEntries(names.split(" ").map((name) => [name, () => {}]));
  return {
    tvm: {
      ...methods(
        "beginScope endScope detachFromCurrentScope empty cpu scalar makeShapeTuple getGlobalFunc " +
          "asyncLoadWebGPUPipelines",
      ),
      lib: {
        webGPUContext: methods(
          "gpuBufferFromPtr attachToBufferTable createShadeInternal copyRawBytesToBuffer " +
            "deviceAllocDataSpace deviceFreeDataSpace deviceCopyToGPU deviceCopyFromGPU " +
            "deviceCopyWithinGPU sync",
        ),
      },
    },
    device: methods("sync"),
    vm: methods("getFunction getInternalModule"),
    params: methods("dispose"),
    kvCache: methods("dispose"),
    embed: () => {},
  };
}

Deno.test("assertPipeline() takes a pipeline that has everything", () => {
  assertPipeline(createPipeline(), CHAT_METHODS);
});

for (
  const path of [
    "embed",
    "kvCache",
    "kvCache.dispose",
    "vm.getFunction",
    "params.dispose",
    "device.sync",
    "tvm.makeShapeTuple",
    "tvm.lib.webGPUContext",
    "tvm.lib.webGPUContext.createShadeInternal",
  ]
) {
  Deno.test(`assertPipeline() names ${path} when it is missing`, () => {
    const pipeline = createPipeline();
    const names = path.split(".");
    const name = names.pop()!;
    const owner = names.reduce((object, key) => object[key] as Record<string, unknown>, pipeline);
    Reflect.deleteProperty(owner, name);
    assert.throws(() => assertPipeline(pipeline, CHAT_METHODS), (error: Error) => {
      assert.ok(error instanceof EngineError);
      assert.match(error.message, new RegExp(`private field ${path.replaceAll(".", "\\.")} of`));
      return true;
    });
  });
}

Deno.test("assertPipeline() refuses no pipeline at all", () => {
  for (const nothing of [undefined, null]) {
    assert.throws(() => assertPipeline(nothing, {}), EngineError);
  }
});

/** Calls with a device that can be lost. */
function createCalls() {
  const { promise: lost, resolve: lose } = Promise.withResolvers<GPUDeviceLostInfo>();
  let depth = 0;
  const tvm = { beginScope: () => depth++, endScope: () => depth-- };
  const calls = new LibraryCalls({ tvm, device: { lost } });
  const loseDevice = () => {
    lose({ reason: "destroyed", message: "gone" } as GPUDeviceLostInfo);
    return lost;
  };
  return { calls, loseDevice, depth: () => depth };
}

Deno.test("LibraryCalls.run() frees what a call made, whether it ended well or not", async () => {
  const { calls, depth } = createCalls();
  assert.equal(
    await calls.run(() => {
      assert.equal(depth(), 1);
      return 7;
    }),
    7,
  );
  assert.equal(depth(), 0);
  await assert.rejects(calls.run(() => Promise.reject(new Error("no"))));
  assert.equal(depth(), 0);
});

Deno.test("LibraryCalls.run() makes an error of what the runtime throws", async () => {
  const { calls } = createCalls();
  const exit = { name: "ExitStatus", message: "Program terminated with exit(1)", status: 1 };
  await assert.rejects(calls.run(() => Promise.reject(exit)), (error: Error) => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.message, "The model library failed: Program terminated with exit(1)");
    return error.cause === exit;
  });
});

Deno.test("LibraryCalls.run() tells a lost device, before a call and in its middle", async () => {
  const { calls, loseDevice } = createCalls();
  const middle = calls.run(async () => {
    await loseDevice();
    throw new Error("getMappedRange failed");
  });
  await assert.rejects(middle, DeviceError);
  await assert.rejects(calls.run(() => 7), /device was lost \(destroyed\): gone/);
});
