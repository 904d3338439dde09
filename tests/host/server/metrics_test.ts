import assert from "node:assert/strict";
import { createTestApp, type TestApp } from "../../support/app.ts";

const HELLO = { model: "ollm-tiny", messages: [{ role: "user", content: "Hi" }] };

/** Samples by name and labels, as they are written; times are left out. */
async function readSamples({ send }: TestApp): Promise<Record<string, number>> {
  const response = await send("/metrics");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const lines = (await response.text()).split("\n").filter((line) => /^[a-z]/.test(line));
  return Object.fromEntries(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

Deno.test("requestMetrics() counts requests by the route table's path", async () => {
  const app = createTestApp();
  await app.send("/v1/models/ollm-tiny");
  await app.send("/v1/models/nope");
  await app.send("/v1/models");
  await app.send("/v1/models", { method: "PURGE" });
  await app.send("/a/b?key=secret");
  await app.send("/v1/models", { headers: { host: "evil.com" } });
  const samples = await readSamples(app);
  const count = (method: string, route: string, status: number) =>
    samples[`ollm_http_requests_total{method="${method}",route="${route}",status="${status}"}`];
  assert.equal(count("GET", "/v1/models/*", 200), 1);
  assert.equal(count("GET", "/v1/models/*", 404), 1);
  assert.equal(count("GET", "/v1/models", 200), 1);
  assert.equal(count("other", "/v1/models", 405), 1);
  assert.equal(count("GET", "none", 404), 1);
  assert.equal(count("GET", "none", 403), 1);
  assert.doesNotMatch(Object.keys(samples).join("\n"), /secret|nope|evil|PURGE/);
  const seconds = 'ollm_http_request_duration_seconds_bucket{le="+Inf",method="GET"';
  assert.equal(samples[`${seconds},route="/v1/models/*"}`], 2);
});

Deno.test("meterEngine() counts generations, their tokens and their times", async () => {
  const app = createTestApp();
  await app.post("/v1/chat/completions", { ...HELLO, n: 2 });
  await (await app.post("/v1/chat/completions", { ...HELLO, stream: true })).text();
  const samples = await readSamples(app);
  const model = 'model="ollm-tiny"';
  assert.equal(samples[`ollm_generations_total{${model},reason="stop"}`], 3);
  assert.equal(samples[`ollm_prompt_tokens_total{${model}}`], 15);
  assert.equal(samples[`ollm_cached_prompt_tokens_total{${model}}`], 6);
  assert.equal(samples[`ollm_time_to_first_token_seconds_count{${model}}`], 3);
  const seconds = samples[`ollm_time_to_first_token_seconds_sum{${model}}`]!;
  assert.ok(Math.abs(seconds - 3 * 0.0125) < 1e-9, `${seconds} s`);
  assert.equal(samples[`ollm_time_to_first_token_seconds_bucket{le="0.01",${model}}`], 0);
  assert.equal(samples[`ollm_time_to_first_token_seconds_bucket{le="0.025",${model}}`], 3);
  assert.equal(samples[`ollm_generation_duration_seconds_count{${model}}`], 3);
});

Deno.test("Metrics.render() shows the engine's counters as they are now", async () => {
  const app = createTestApp();
  const [stats] = await app.engine.stats();
  app.engine.stats = () =>
    Promise.resolve([{
      ...stats!,
      numWaiting: 1,
      numRunning: 2,
      numBlocks: 64,
      numFreeBlocks: 60,
      numGeneratedTokensTotal: 100,
      numPreemptionsTotal: 3,
      numCancelledTotal: 4,
      numRestartsTotal: 5,
    }]);
  await readSamples(app);
  const samples = await readSamples(app);
  const names: Record<string, number> = {
    ollm_waiting_requests: 1,
    ollm_running_sequences: 2,
    ollm_kv_blocks: 64,
    ollm_free_kv_blocks: 60,
    ollm_generated_tokens_total: 100,
    ollm_preemptions_total: 3,
    ollm_cancelled_generations_total: 4,
    ollm_worker_restarts_total: 5,
  };
  for (const [name, value] of Object.entries(names)) {
    assert.equal(samples[`${name}{model="ollm-tiny"}`], value, name);
  }
  app.engine.stats = () => Promise.resolve([]);
  const unloaded = Object.keys(await readSamples(app));
  assert.ok(!unloaded.some((name) => name.startsWith("ollm_kv_blocks")));
});

Deno.test("meterEngine() lets a generation be left before its first event", async () => {
  const app = createTestApp({ hangs: true });
  const response = await app.post("/v1/chat/completions", { ...HELLO, stream: true });
  await response.body!.cancel();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(app.engine.numRunning, 0);
});
