/**
 * Models that are fetched because a request names them, from a hub that runs here.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  createEngine,
  type Engine,
  type EngineOptions,
  type Generation,
} from "../../engine/mod.ts";
import { createTestApp } from "../support/app.ts";
import { type LocalHub, startLocalHub } from "../support/local_hub.ts";
import { writeRandomModel } from "../support/random_model.ts";
import { makeTestDir } from "../support/test_dir.ts";

const REPOSITORY = "org/tiny";
const dir = await writeRandomModel({
  architecture: "llama",
  quantization: "q4f16_1",
  hasHead: true,
});
const SHARD_BYTES = (await Deno.stat(`${dir}/params_shard_0.bin`)).size;
const request = { model: REPOSITORY, prompt: "hello", maxTokens: 8, ignoreEos: true };

async function withHub(
  test: (engine: Engine, hub: LocalHub) => Promise<void>,
  { hub: hubOptions, ...options }: EngineOptions = {},
): Promise<void> {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: dir } });
  const { endpoint, libraryEndpoint } = hub;
  const engine = createEngine({
    modelsDir: makeTestDir(),
    hub: { endpoint, libraryEndpoint, ...hubOptions },
    ...options,
  });
  try {
    await test(engine, hub);
  } finally {
    await engine.close();
  }
}

async function read(generation: Generation): Promise<string> {
  let text = "";
  for await (const event of generation) if (event.type === "text") text += event.text;
  return text;
}

Deno.test("Engine.generate() downloads, loads and runs a model that is not here, once for all", async () => {
  const local = createEngine();
  const wanted = await read(await local.generate({ ...request, model: dir }));
  await local.close();
  await withHub(async (engine, hub) => {
    const stages = new Set<string>();
    const onProgress = (share: number, stage: string) => {
      assert.ok(share >= 0 && share <= 1, `${share}`);
      stages.add(stage.split(" ")[0]!);
    };
    assert.equal((await engine.inspectModel(REPOSITORY)).materialized, false);
    const texts = await Promise.all([
      engine.generate(request, { onProgress }).then(read),
      engine.generate(request).then(read),
      engine.load(REPOSITORY).then(() => wanted),
    ]);
    assert.deepEqual(texts, [wanted, wanted, wanted]);
    assert.equal(hub.countBytes("params_shard_0.bin"), SHARD_BYTES);
    assert.ok(stages.has("downloading") && stages.size > 1, [...stages].join());
    const numRequests = hub.requests.length;
    await read(await engine.generate(request));
    assert.equal(hub.requests.length, numRequests, "what is here needs no network");
  });
});

Deno.test("Engine.generate() says what is missing when it may not use the network", async () => {
  await withHub(async (engine, hub) => {
    await assert.rejects(engine.generate(request), {
      code: "offline",
      message: /org\/tiny.*offline mode/,
    });
    await assert.rejects(engine.download(REPOSITORY), { code: "offline" });
    assert.equal(hub.requests.length, 0);
  }, { hub: { offline: true } });
});

Deno.test("Engine.generate() stops a download that nobody waits for any more, and goes on with it later", async () => {
  await withHub(async (engine, hub) => {
    hub.faults.push({ file: "params_shard_0.bin", bytesPerSecond: SHARD_BYTES / 4 });
    const [leaves, stays] = [new AbortController(), new AbortController()];
    const waiting = [leaves, stays].map(({ signal }) => engine.generate(request, { signal }));
    for (const promise of waiting) promise.catch(() => {});
    while (hub.countBytes("params_shard_0.bin") === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    leaves.abort();
    await assert.rejects(waiting[0]!, { name: "AbortError" });
    stays.abort();
    await assert.rejects(waiting[1]!, { name: "AbortError" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const numBytes = hub.countBytes("params_shard_0.bin");
    assert.ok(numBytes < SHARD_BYTES, "it went on");
    await read(await engine.generate(request));
  });
});

Deno.test("POST /v1/completions streams from a model that is still being downloaded", async () => {
  await withHub(async (engine, hub) => {
    hub.faults.push({ file: "params_shard_0.bin", bytesPerSecond: SHARD_BYTES });
    const { post } = createTestApp({}, { engine, limits: { keepAliveMs: 100 } });
    const response = await post("/v1/completions", {
      model: REPOSITORY,
      prompt: "hello",
      max_tokens: 4,
      stream: true,
    });
    assert.equal(response.status, 200);
    assert.ok(hub.countBytes("params_shard_0.bin") < SHARD_BYTES, "it waited for the download");
    const text = await response.text();
    assert.match(text, /^(?:: keep-alive\n\n)+data: \{"id":"cmpl-/);
    assert.ok(text.endsWith("data: [DONE]\n\n"), text);
  });
});

Deno.test("Engine.remove() unloads a downloaded model and deletes it", async () => {
  await withHub(async (engine) => {
    const info = await engine.download(REPOSITORY);
    assert.equal(info.materialized, true);
    await engine.load(REPOSITORY);
    assert.ok(await engine.remove(REPOSITORY) >= SHARD_BYTES);
    assert.deepEqual(await engine.stats(), []);
    assert.equal((await engine.inspectModel(REPOSITORY)).materialized, false);
    await assert.rejects(engine.remove(REPOSITORY), { code: "model_not_found" });
    await assert.rejects(engine.remove("ollm-tiny"), { code: "invalid_request" });
  });
});

Deno.test("Engine.load() fetches a model again once when told to", async () => {
  await withHub(async (engine, hub) => {
    await engine.download(REPOSITORY);
    for (let i = 0; i < 2; i++) {
      await engine.load(REPOSITORY);
      await engine.unload(REPOSITORY);
      assert.equal(hub.countBytes("params_shard_0.bin"), 2 * SHARD_BYTES);
    }
  }, { forceDownload: true });
});

Deno.test("Engine.embed() refuses a chat model of the catalog without downloading it", async () => {
  await withHub(async (engine, hub) => {
    await assert.rejects(
      engine.embed({ model: "Llama-3.2-1B-Instruct-q4f16_1-MLC", inputs: ["Hi"] }),
      { code: "invalid_request", param: "model" },
    );
    await assert.rejects(
      engine.generate({ ...request, model: "snowflake-arctic-embed-s-q0f32-MLC-b4" }),
      { code: "invalid_request", param: "model" },
    );
    assert.equal(hub.requests.length, 0);
  });
});
