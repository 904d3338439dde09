import assert from "node:assert/strict";
import { EngineError } from "../../../engine/mod.ts";
import { ModelWorker } from "../../../engine/runtime/model_worker.ts";
import {
  type ModelLease,
  type ModelLoad,
  ResidentModels,
  type ResidentModelsOptions,
} from "../../../engine/runtime/resident_models.ts";

const IDLE_WORKER = { url: new URL("../../support/idle_worker.ts", import.meta.url) };

/** Models by name, all of one size unless said otherwise, on workers without a model. */
class Fixture implements Disposable {
  readonly models: ResidentModels;
  /** Names in the order in which their loads began. */
  readonly started: string[] = [];
  readonly sizes: Record<string, number | null> = {};

  constructor(options: Partial<ResidentModelsOptions> = {}) {
    this.models = new ResidentModels({
      maxModels: Infinity,
      budgetBytes: Infinity,
      keepAliveMs: Infinity,
      start: (load, events) => {
        this.started.push(load.model);
        return new ModelWorker(load, events, IDLE_WORKER);
      },
      ...options,
    });
  }

  acquire(
    name: string,
    options: Parameters<ResidentModels["acquire"]>[2] = {},
  ): Promise<ModelLease> {
    return this.models.acquire(name, () => Promise.resolve(this.plan(name)), options);
  }

  /** Loads a model and leaves it idle. */
  async use(name: string, keepAliveMs?: number): Promise<void> {
    (await this.acquire(name, { keepAliveMs })).release();
  }

  plan(model: string): ModelLoad {
    return {
      memoryBytes: this.sizes[model] === undefined ? 10 : this.sizes[model],
      options: {
        model,
        dir: `/models/${model}`,
        task: "generate",
        backend: "wgsl",
        library: null,
        maxWaiting: 1,
        defaultMaxTokens: 1,
      },
    };
  }

  async list(): Promise<string[]> {
    return (await this.models.stats()).map(({ model }) => model);
  }

  [Symbol.dispose](): void {
    this.models.close();
  }
}

/** Long enough for messages and timers of 0 ms, short against every wait that a test sets. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/** Waits until these models are left; a busy machine may take its time. */
async function waitForList(fixture: Fixture, names: string[]): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (String(await fixture.list()) !== String(names) && performance.now() < deadline) {
    await settle();
  }
  assert.deepEqual(await fixture.list(), names);
}

Deno.test("ResidentModels.acquire() loads a model once, whatever it is called", async () => {
  using fixture = new Fixture();
  const { models } = fixture;
  const plan = () => Promise.resolve(fixture.plan("a"));
  const stages: string[] = [];
  const leases = await Promise.all([
    models.acquire("a", plan),
    models.acquire("a", plan, { onProgress: (share, stage) => stages.push(`${share} ${stage}`) }),
    models.acquire("alias of a", plan),
  ]);
  const { memoryBytes, options } = fixture.plan("a");
  const alias = { memoryBytes, options: { ...options, model: "alias" } };
  await models.acquire("another alias of a", () => Promise.resolve(alias));
  assert.deepEqual(fixture.started, ["a"]);
  const short = { memoryBytes, options: { ...options, contextLength: 9 } };
  await models.acquire("short a", () => Promise.resolve(short));
  assert.deepEqual(fixture.started, ["a", "a"], "it sees less, so it is another one");
  assert.equal(new Set(leases.map(({ worker }) => worker)).size, 1);
  assert.deepEqual(stages, ["0.5 loading weights"]);
});

Deno.test("ResidentModels.acquire() unloads idle models, the one unused longest first, until the new one fits", async () => {
  using fixture = new Fixture({ budgetBytes: 40 });
  fixture.sizes.large = 25;
  for (const name of ["a", "b", "c", "a"]) await fixture.use(name);
  assert.deepEqual(await fixture.list(), ["a", "b", "c"]);
  await fixture.use("large");
  assert.deepEqual(await fixture.list(), ["a", "large"]);
  fixture.sizes.unknown = null;
  await fixture.use("unknown");
  assert.deepEqual(await fixture.list(), ["a", "large", "unknown"]);
});

Deno.test("ResidentModels.acquire() keeps at most as many models as allowed", async () => {
  using fixture = new Fixture({ maxModels: 2 });
  for (const name of ["a", "b", "a", "c"]) await fixture.use(name);
  assert.deepEqual(await fixture.list(), ["a", "c"]);
});

Deno.test("ResidentModels.acquire() waits for busy models and never unloads them", async () => {
  using fixture = new Fixture({ budgetBytes: 20 });
  const [a, b] = [await fixture.acquire("a"), await fixture.acquire("b")];
  const stages: string[] = [];
  const waiting = fixture.acquire("c", { onProgress: (_share, stage) => stages.push(stage) });
  await settle();
  assert.deepEqual(stages, ["waiting for room"]);
  assert.deepEqual(fixture.started, ["a", "b"]);
  // What is loaded goes on answering.
  const again = await fixture.acquire("b");
  b.release();
  await settle();
  assert.deepEqual(fixture.started, ["a", "b"]);
  again.release();
  await waiting;
  assert.deepEqual(await fixture.list(), ["a", "c"]);
  a.release();
});

Deno.test("ResidentModels.acquire() gives up when busy models take the room for too long", async () => {
  using fixture = new Fixture({ maxModels: 1, maxWaitMs: 30 });
  const lease = await fixture.acquire("a");
  await assert.rejects(
    fixture.acquire("b"),
    (error) =>
      error instanceof EngineError && error.code === "queue_timeout" &&
      /take all the room \(a\)/.test(
        error.message,
      ),
  );
  lease.release();
  await fixture.use("b");
  assert.deepEqual(await fixture.list(), ["b"]);
});

Deno.test("ResidentModels.acquire() refuses what is larger than the budget and unloads nothing for it", async () => {
  using fixture = new Fixture({ budgetBytes: 20 });
  fixture.sizes.huge = 21;
  await fixture.use("a");
  await assert.rejects(fixture.acquire("huge"), {
    code: "out_of_memory",
    message: /needs 21 bytes/,
  });
  assert.deepEqual(await fixture.list(), ["a"]);
});

Deno.test("ResidentModels.acquire() forgets a model whose only client left the queue for room", async () => {
  using fixture = new Fixture({ maxModels: 1 });
  const lease = await fixture.acquire("a");
  const controller = new AbortController();
  const waiting = fixture.acquire("b", { signal: controller.signal });
  await settle();
  controller.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  lease.release();
  await settle();
  assert.deepEqual(await fixture.list(), ["a"]);
  assert.deepEqual(fixture.started, ["a"]);
});

Deno.test("ResidentModels.acquire() lets a load go on when its only client leaves", async () => {
  using fixture = new Fixture();
  const controller = new AbortController();
  const waiting = fixture.acquire("a", { signal: controller.signal, keepAliveMs: 5_000 });
  setTimeout(() => controller.abort());
  await assert.rejects(waiting, { name: "AbortError" });
  await fixture.models.acquire("a", () => Promise.reject(new Error("planned again")));
  assert.deepEqual(fixture.started, ["a"]);
});

Deno.test("ResidentModels.acquire() tries a load that failed again", async () => {
  using fixture = new Fixture();
  for (let i = 0; i < 2; i++) {
    await assert.rejects(fixture.acquire("broken"), { code: "model_invalid" });
    assert.deepEqual(await fixture.list(), []);
  }
  assert.deepEqual(fixture.started, ["broken", "broken"]);
});

Deno.test("ResidentModels unloads a model as long after its last request as that said", async () => {
  const keepAliveMs = 500;
  using fixture = new Fixture({ keepAliveMs });
  await fixture.use("for ever", Infinity);
  await fixture.use("at once", 0);
  await waitForList(fixture, ["for ever"]);
  const before = Date.now();
  await fixture.use("default");
  const after = Date.now();
  const [forEver, byDefault] = await fixture.models.stats();
  assert.equal(forEver!.unloadAt, null);
  assert.ok(byDefault!.unloadAt! >= before + keepAliveMs);
  assert.ok(byDefault!.unloadAt! <= after + keepAliveMs);
  // A request stops the clock, and its end starts it anew.
  const lease = await fixture.acquire("default");
  await new Promise((resolve) => setTimeout(resolve, keepAliveMs + 50));
  const [, busy] = await fixture.models.stats();
  assert.deepEqual([busy!.model, busy!.unloadAt], ["default", null]);
  lease.release();
  assert.deepEqual(await fixture.list(), ["for ever", "default"]);
  await waitForList(fixture, ["for ever"]);
});

Deno.test("ResidentModels.unload() ends a model with whoever uses it", async () => {
  using fixture = new Fixture();
  const lease = await fixture.acquire("a");
  const { worker } = lease;
  const generation = await worker.generate({ model: "a", prompt: "go on" });
  assert.equal(fixture.models.unload("/models/a"), true);
  await assert.rejects(Array.fromAsync(generation), { code: "engine_closed" });
  await assert.rejects(worker.stats(), { code: "engine_closed" });
  lease.release();
  assert.equal(fixture.models.unload("/models/a"), false);
  assert.deepEqual(await fixture.list(), []);
});

Deno.test("ResidentModels.stats() shows a model that loads without waiting for it", async () => {
  using fixture = new Fixture();
  const waiting = fixture.acquire("a");
  await Promise.resolve();
  const [loading] = await fixture.models.stats();
  assert.deepEqual([loading!.state, loading!.memoryBytes, loading!.numBlocks], ["loading", 10, 0]);
  (await waiting).release();
  const [loaded] = await fixture.models.stats();
  assert.deepEqual([loaded!.state, loaded!.backend, loaded!.numBlocks], ["loaded", "wgsl", 1]);
});

Deno.test("ResidentModels.close() ends everything, also what is being planned", async () => {
  using fixture = new Fixture();
  const plan = Promise.withResolvers<ModelLoad>();
  const planned = fixture.models.acquire("b", () => plan.promise);
  const loading = fixture.acquire("a");
  loading.catch(() => {});
  await Promise.resolve();
  fixture.models.close();
  plan.resolve(fixture.plan("b"));
  for (const request of [planned, loading, fixture.acquire("c")]) {
    await assert.rejects(request, { code: "engine_closed" });
  }
});
