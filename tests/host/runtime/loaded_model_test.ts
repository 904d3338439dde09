import assert from "node:assert/strict";
import type { EngineOptions } from "../../../engine/mod.ts";
import { LocalEngine } from "../../../engine/runtime/engine.ts";
import { fromFileUrl } from "../../support/paths.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const PACKAGE = fromFileUrl(new URL("../../../models/ollm-tiny", import.meta.url));
const IDLE_WORKER = new URL("../../support/idle_worker.ts", import.meta.url);
const GPU = {
  kind: "gpu",
  description: "made-up adapter",
  minSubgroupSize: 32,
  maxBindingBytes: 2 ** 30,
  maxBufferBytes: 2 ** 30,
} as const;

/** A copy of the embedded model, and an engine whose workers load nothing. */
async function open(options: EngineOptions = {}) {
  const model = `${makeTestDir()}/tiny`;
  await Deno.mkdir(model);
  for await (const { name } of Deno.readDir(PACKAGE)) {
    await Deno.copyFile(`${PACKAGE}/${name}`, `${model}/${name}`);
  }
  const inspectAdapter = () => Promise.resolve(GPU);
  const parts = { inspectAdapter, url: IDLE_WORKER };
  return { model, engine: new LocalEngine({ cacheDir: null, ...options }, parts) };
}

async function generate(engine: LocalEngine, model: string, backend?: "wgsl"): Promise<string> {
  const request = { model, prompt: "hello", ...(backend ? { backend } : {}) };
  let text = "";
  for await (const event of await engine.generate(request)) {
    if (event.type === "text") text += event.text;
  }
  return text;
}

Deno.test("Engine.generate() asks the disk once for what a reference names, as long as it is loaded", async () => {
  const { engine, model } = await open();
  assert.equal(await generate(engine, model), "tiny");
  await Deno.rename(model, `${model}.away`);
  assert.equal(await generate(engine, model), "tiny");
  await assert.rejects(generate(engine, model, "wgsl"), { code: "model_not_found" }); // asks anew
  assert.equal(await engine.unload(model), true);
  await assert.rejects(generate(engine, model), { code: "model_not_found" });
  await engine.close();
});

Deno.test("Engine.generate() still tells a model that embeds from one that generates", async () => {
  const { engine, model } = await open();
  await engine.load(model);
  await assert.rejects(engine.embed({ model, inputs: ["a"] }), { code: "invalid_request" });
  assert.equal(await generate(engine, model), "tiny");
  await assert.rejects(engine.embed({ model, inputs: ["a"] }), { code: "invalid_request" });
  await engine.close();
});

Deno.test("Engine.generate() loads one model however many ways lead to it", async () => {
  const { engine, model } = await open();
  for (let i = 0; i < 300; i++) await generate(engine, `${model}${"/".repeat(i)}`);
  assert.equal((await engine.stats()).length, 1);
  await engine.close();
});
