import assert from "node:assert/strict";
import { withBrowserGlobals } from "../../../../engine/backends/web_llm/host.ts";
import { completeWasmImports } from "../../../../engine/backends/web_llm/wasm_imports.ts";
import { writeWasm } from "../../../support/wasm_module.ts";

const caches = { open: () => Promise.reject(new Error("no cache")) } as unknown as CacheStorage;

/** All that a load may change. */
function snapshot() {
  const globals = ["location", "caches", "process", "console"].map((name) =>
    Object.getOwnPropertyDescriptor(globalThis, name)
  );
  return [...globals, WebAssembly.instantiate, GPUAdapter.prototype.requestDevice];
}

const options = { caches, onDevice: () => Promise.resolve() };

Deno.test("withBrowserGlobals() shows a browser while it loads, and what was there before after it", async () => {
  const before = snapshot();
  const result = await withBrowserGlobals(options, () => {
    assert.equal(globalThis.caches, caches);
    assert.equal(globalThis.location.protocol, "http:");
    assert.equal("process" in globalThis, false);
    assert.notEqual(WebAssembly.instantiate, before.at(-2));
    console.log("this is not to be seen");
    return Promise.resolve("loaded");
  });
  assert.equal(result, "loaded");
  assert.deepEqual(snapshot(), before);
});

Deno.test("withBrowserGlobals() puts everything back after a load that failed or threw", async () => {
  const before = snapshot();
  const failure = new Error("no model");
  await assert.rejects(withBrowserGlobals(options, () => Promise.reject(failure)), failure);
  await assert.rejects(
    withBrowserGlobals(options, () => {
      throw failure;
    }),
    failure,
  );
  assert.deepEqual(snapshot(), before);
});

/** Runs `run` of a module that calls one import. */
async function runImport(
  name: string,
  env: Record<string, () => void>,
  source: "bytes" | "module",
): Promise<void> {
  const bytes = writeWasm({ imports: [name], exports: ["run"] });
  const undo = completeWasmImports();
  try {
    const instance = source === "bytes"
      ? (await WebAssembly.instantiate(bytes, { env })).instance
      : await WebAssembly.instantiate(await WebAssembly.compile(bytes), { env });
    (instance.exports.run as () => void)();
  } finally {
    undo();
  }
}

for (const source of ["bytes", "module"] as const) {
  Deno.test(`completeWasmImports() leaves what is there, from ${source}`, async () => {
    let numCalls = 0;
    await runImport("here", { here: () => numCalls++ }, source);
    assert.equal(numCalls, 1);
  });

  Deno.test(`completeWasmImports() answers for the thread pool, from ${source}`, async () => {
    await runImport("_ZN3tvm7runtime9threading15ResetThreadPoolEv", {}, source);
  });

  Deno.test(`completeWasmImports() lets a module load whose import is unknown, and names it when called, from ${source}`, async () => {
    await assert.rejects(
      runImport("TVMSomethingNew", {}, source),
      /calls TVMSomethingNew, which this runtime does not have/,
    );
  });
}

Deno.test("completeWasmImports() keeps the refusal of what is no module", async () => {
  const undo = completeWasmImports();
  try {
    await assert.rejects(WebAssembly.instantiate(new Uint8Array(8)), WebAssembly.CompileError);
  } finally {
    undo();
  }
});
