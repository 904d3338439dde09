import assert from "node:assert/strict";
import {
  createEngine,
  type Engine,
  EngineError,
  type Generation,
  type GenerationRequest,
  ModelInvalidError,
  ModelNotFoundError,
} from "../../engine/mod.ts";
import { LocalEngine } from "../../engine/runtime/engine.ts";
import { writeRandomModel } from "../support/random_model.ts";

const DYING_WORKER = { url: new URL("../support/dying_worker.ts", import.meta.url) };

const model = await writeRandomModel({
  architecture: "llama",
  quantization: "q4f16_1",
  hasHead: true,
});

async function withEngine(test: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = createEngine();
  try {
    await test(engine);
  } finally {
    await engine.close();
  }
}

async function read(generation: Generation): Promise<{ text: string; reason: string }> {
  let text = "";
  let reason = "none";
  for await (const event of generation) {
    if (event.type === "text") text += event.text;
    else if (event.type === "finish") reason = event.reason;
  }
  return { text, reason };
}

const request = (prompt: string, options: Partial<GenerationRequest> = {}): GenerationRequest => ({
  model,
  prompt,
  maxTokens: 24,
  ignoreEos: true,
  ...options,
});

Deno.test("Engine.generate() gives each of eight prompts the text that it gives alone", async () => {
  await withEngine(async (engine) => {
    const prompts = Array.from({ length: 8 }, (_, i) => "abc".repeat(1 + i * 2) + i);
    const alone = [];
    for (const prompt of prompts) alone.push(await read(await engine.generate(request(prompt))));
    const together = await Promise.all(
      prompts.map(async (prompt) => await read(await engine.generate(request(prompt)))),
    );
    assert.deepEqual(together, alone);
    assert.ok(new Set(alone.map(({ text }) => text)).size > 4, "the prompts do not matter");
  });
});

Deno.test("Engine.generate() with a seed gives the same text again, and another with another seed", async () => {
  await withEngine(async (engine) => {
    const say = async (seed: number) => {
      const sampling = { temperature: 1.5, seed };
      return (await read(await engine.generate(request("hello", { sampling })))).text;
    };
    const first = await say(7);
    assert.equal(await say(7), first);
    assert.notEqual(await say(8), first);
  });
});

Deno.test("Engine.generate() finds a prefix again, says so, and generates the same text", async () => {
  await withEngine(async (engine) => {
    const prompt = "abcdefghijklmnopqrstuvwxyz".repeat(3);
    const run = async () => {
      let text = "";
      for await (const event of await engine.generate(request(prompt))) {
        if (event.type === "text") text += event.text;
        if (event.type === "finish") return { text, usage: event.usage };
      }
      throw new Error("no end");
    };
    const cold = await run();
    const warm = await run();
    assert.equal(cold.usage.numCachedTokens, 0);
    assert.equal(
      warm.usage.numCachedTokens,
      Math.floor((warm.usage.numPromptTokens - 1) / 16) * 16,
    );
    assert.ok(warm.usage.numCachedTokens > 0);
    assert.equal(warm.text, cold.text);
  });
});

Deno.test("Engine.generate() frees all blocks of a reader that leaves, within a step", async () => {
  await withEngine(async (engine) => {
    const generation = await engine.generate(request("hello", { maxTokens: 200 }));
    for await (const event of generation) if (event.type === "text") break;
    const [stats] = await engine.stats();
    assert.equal(stats!.numRunning, 0);
    assert.equal(stats!.numFreeBlocks, stats!.numBlocks);
    assert.equal(stats!.numCancelledTotal, 1);
  });
});

Deno.test("Engine.generate() ends with cancelled when its signal aborts", async () => {
  await withEngine(async (engine) => {
    const controller = new AbortController();
    const generation = await engine.generate(request("hello", { maxTokens: 200 }), {
      signal: controller.signal,
    });
    const result = read(generation);
    controller.abort();
    assert.equal((await result).reason, "cancelled");
    await assert.rejects(
      engine.generate(request("hello"), { signal: controller.signal }),
      { name: "AbortError" },
    );
  });
});

Deno.test("Engine.generate() refuses an unknown model and a damaged one, each for its own reason", async () => {
  await withEngine(async (engine) => {
    await assert.rejects(engine.generate(request("a", { model: "no-such" })), ModelNotFoundError);
    const damaged = await writeRandomModel({
      architecture: "llama",
      quantization: "q4f16_1",
      hasHead: true,
    });
    const shard = `${damaged}/params_shard_0.bin`;
    const bytes = await Deno.readFile(shard);
    bytes[1000]! ^= 1;
    await Deno.writeFile(shard, bytes);
    for (let i = 0; i < 2; i++) { // a failed load is tried again
      await assert.rejects(
        engine.generate(request("a", { model: damaged })),
        (error) =>
          error instanceof EngineError && error.code === "model_invalid" &&
          error.message.includes("params_shard_0.bin"),
      );
    }
    await Deno.writeFile(shard, bytes.subarray(0, 5000));
    await assert.rejects(
      engine.generate(request("a", { model: damaged })),
      (error) => error instanceof ModelInvalidError || error instanceof ModelNotFoundError,
    );
    assert.equal((await read(await engine.generate(request("hello")))).reason, "length");
  });
});

Deno.test("Engine.detokenize() gives back the text that Engine.tokenize() took", async () => {
  await withEngine(async (engine) => {
    const text = "Grüße, 世界 🌍!";
    const tokens = await engine.tokenize({ model, prompt: text });
    assert.ok(tokens.length >= text.length);
    assert.equal(await engine.detokenize(model, tokens), text);
    await assert.rejects(engine.detokenize(model, [1, 100000]), { code: "invalid_request" });
    await assert.rejects(engine.tokenize({ model }), { code: "invalid_request" });
  });
});

Deno.test("Engine.plan() says what a load will take without loading", async () => {
  await withEngine(async (engine) => {
    const plan = await engine.plan({ model, maxSequences: 2, contextLength: 64 });
    assert.equal(plan.backend, "wgsl");
    assert.deepEqual(plan.dtypes, {
      weights: "q4f16_1",
      activations: plan.kernelSet === "software" ? "int8" : "f32",
      kv: "f16",
    });
    assert.deepEqual(plan.kvBlocks, { numBlocks: 8, blockSize: 16 });
    // 3 layers, keys and values, 128 slots of 2 heads of 24 f16 elements
    assert.equal(plan.memory!.kvBytes, 3 * 2 * 128 * 2 * 24 * 2);
    assert.deepEqual(await engine.stats(), []);
    assert.equal((await engine.plan({ model: "no-such" })).backend, null);
    assert.equal((await engine.plan({ model, backend: "web-llm" })).backend, null);
  });
});

for (const [prompt, code] of [["throw", "engine_failed"], ["lose", "device_lost"]] as const) {
  Deno.test(`Engine starts a worker that died of ${code} again and fails its requests`, async () => {
    const engine = new LocalEngine({}, DYING_WORKER);
    const failed = await engine.generate({ model, prompt });
    await assert.rejects(
      read(failed),
      (error) => error instanceof EngineError && error.code === code,
    );
    const [stats] = await engine.stats();
    assert.equal(stats!.numRestartsTotal, 1);
    const again = await engine.generate({ model, prompt });
    await assert.rejects(read(again), EngineError);
    assert.equal((await engine.stats())[0]!.numRestartsTotal, 2);
    await engine.close();
  });
}

Deno.test("Engine starts a worker that spins or closed itself again and fails its requests", async () => {
  for (const prompt of ["spin", "close"]) {
    const engine = new LocalEngine({}, { ...DYING_WORKER, silenceLimitMs: 200 });
    const failed = await engine.generate({ model, prompt });
    await assert.rejects(read(failed), /silent for/);
    assert.equal((await engine.stats())[0]!.numRestartsTotal, 1);
    await engine.close();
  }
});

Deno.test("Engine forgets a model whose worker dies over and over", async () => {
  const engine = new LocalEngine({}, DYING_WORKER);
  for (let i = 0; i < 6; i++) {
    await assert.rejects(read(await engine.generate({ model, prompt: "lose" })), EngineError);
  }
  assert.deepEqual(await engine.stats(), []);
  await engine.close();
});
