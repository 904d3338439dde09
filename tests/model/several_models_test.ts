import assert from "node:assert/strict";
import {
  createEngine,
  type Engine,
  type EngineOptions,
  type Generation,
} from "../../engine/mod.ts";
import { writeRandomModel } from "../support/random_model.ts";

const MIB = 2 ** 20;

async function withEngine(
  options: EngineOptions,
  test: (engine: Engine) => Promise<void>,
): Promise<void> {
  const engine = createEngine(options);
  try {
    await test(engine);
  } finally {
    await engine.close();
  }
}

async function read(generation: Generation): Promise<string> {
  let text = "";
  for await (const event of generation) if (event.type === "text") text += event.text;
  return text;
}

const list = async (engine: Engine) => (await engine.stats()).map(({ model }) => model);

const [a, b] = await Promise.all(
  [1, 2].map((seed) =>
    writeRandomModel({ architecture: "llama", quantization: "q4f16_1", hasHead: true, seed })
  ),
) as [string, string];
const [nameA, nameB] = [a, b].map((dir) => dir.split("/").at(-1)!) as [string, string];
const request = { prompt: "hello", maxTokens: 40, ignoreEos: true };

/** Once the worker of an unloaded model has ended, its memory is back. */
async function settle(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 300));
  return Deno.memoryUsage().rss / MIB;
}

Deno.test("Engine.unload() gives a model's memory back, however often it is loaded", async () => {
  await withEngine({}, async (engine) => {
    const measure = async () => {
      await read(await engine.generate({ ...request, model: "ollm-tiny", maxTokens: 3 }));
      const loaded = Deno.memoryUsage().rss / MIB;
      assert.equal(await engine.unload("ollm-tiny"), true);
      assert.deepEqual(await engine.stats(), []);
      return { loaded, unloaded: await settle() };
    };
    const first = await measure(); // what is loaded once for good is there now
    let last = first;
    for (let i = 0; i < 5; i++) last = await measure();
    assert.ok(last.loaded - last.unloaded > 20, `${last.loaded} MiB, then ${last.unloaded}`);
    assert.ok(last.unloaded - first.unloaded < 30, `${first.unloaded} MiB, then ${last.unloaded}`);
  });
});

Deno.test("Engine unloads what was used longest ago when the memory budget needs it", async () => {
  const { memory } = await createEngine().plan({ model: a });
  const memoryBudgetBytes = Math.floor(memory!.totalBytes * 1.5);
  await withEngine({ memoryBudgetBytes }, async (engine) => {
    const alone = await read(await engine.generate({ ...request, model: a }));
    const [stats] = await engine.stats();
    assert.deepEqual([stats!.model, stats!.memoryBytes], [nameA, memory!.totalBytes]);
    await engine.load(b);
    assert.deepEqual(await list(engine), [nameB]);
    assert.equal(await read(await engine.generate({ ...request, model: a })), alone);
    assert.deepEqual(await list(engine), [nameA]);
  });
  await withEngine({ memoryBudgetBytes: memory!.totalBytes - 1 }, async (engine) => {
    await assert.rejects(engine.load(a), { code: "out_of_memory" });
  });
});

Deno.test("Engine.generate() waits for a busy model, which ends undisturbed", async () => {
  const alone: string[] = [];
  await withEngine({}, async (engine) => {
    for (const model of [a, b]) {
      alone.push(await read(await engine.generate({ ...request, model })));
    }
  });
  await withEngine({ maxLoadedModels: 1 }, async (engine) => {
    const first = await engine.generate({ ...request, model: a });
    const second = engine.generate({ ...request, model: b }).then(read);
    assert.deepEqual(await Promise.all([read(first), second]), alone);
    assert.deepEqual(await list(engine), [nameB]);
  });
});

Deno.test("Engine.generate() unloads a model after its last request when that says so", async () => {
  await withEngine({}, async (engine) => {
    const [first, second] = await Promise.all(
      [5, request.maxTokens].map((maxTokens) =>
        engine.generate({ ...request, maxTokens, model: a, keepAliveMs: 0 })
      ),
    );
    await read(first!);
    assert.deepEqual(await list(engine), [nameA]);
    await read(second!);
    await settle();
    assert.deepEqual(await list(engine), []);
  });
});

Deno.test("Engine.generate() refuses a backend that cannot run the model", async () => {
  await withEngine({}, async (engine) => {
    for (const backend of ["web-llm", "made-up"]) {
      await assert.rejects(engine.generate({ ...request, model: a, backend }), {
        code: "invalid_request",
        param: "backend",
      });
    }
    await read(await engine.generate({ ...request, model: a, backend: "wgsl" }));
    await read(await engine.generate({ ...request, model: a }));
    assert.deepEqual(await list(engine), [nameA], "two names of one backend share the model");
    await assert.rejects(engine.embed({ model: a, inputs: ["x"] }), { param: "model" });
  });
});
