import assert from "node:assert/strict";
import { createEngine, type RuntimePlan, type Usage } from "../../engine/mod.ts";
import { makeTestDir } from "../support/test_dir.ts";

/** A machine may be busy in one of two moments that are compared, and idle in the other. */
const MAX_TRIES = 5;

const MODEL = "ollm-tiny";

/** Plans, loads the model into a new worker, and generates behind a prompt like the plan's. */
async function planAndRun(cacheDir: string): Promise<{ plan: RuntimePlan; usage: Usage }> {
  const engine = createEngine({ cacheDir });
  try {
    const plan = await engine.plan({ model: MODEL });
    const generation = await engine.generate({
      model: MODEL,
      prompt: "7".repeat(500), // a digit is a token of its own
      sampling: { temperature: 0 },
      maxTokens: 64,
      ignoreEos: true,
    });
    for await (const event of generation) {
      if (event.type === "finish") return { plan, usage: event.usage };
    }
    throw new Error("The generation ended without a finish event");
  } finally {
    await engine.close();
  }
}

Deno.test("Engine.plan() predicts a model's rates within a factor of two once it was loaded", async () => {
  const measured = { decode: 0, prefill: 0 };
  const predicted = { decode: 0, prefill: 0 };
  const isClose = (name: "decode" | "prefill") =>
    Math.abs(Math.log2(measured[name] / predicted[name])) < 1;
  for (let i = 0; i < MAX_TRIES; i++) {
    const cacheDir = makeTestDir();
    const first = await planAndRun(cacheDir);
    assert.equal(first.plan.prediction, null);
    const { plan: { prediction }, usage } = await planAndRun(cacheDir);
    assert.equal(prediction!.basis, "Measured when the model was loaded here");
    assert.equal(prediction!.numPromptTokens, 512);
    // The best of each is what the machine does when nobody else wants it.
    predicted.decode = Math.max(predicted.decode, prediction!.decodeTokensPerSecond);
    predicted.prefill = Math.max(predicted.prefill, prediction!.prefillTokensPerSecond);
    for (const { numOutputTokens, numPromptTokens, ...ms } of [first.usage, usage]) {
      measured.decode = Math.max(measured.decode, 1000 * (numOutputTokens - 1) / ms.decodeMs);
      measured.prefill = Math.max(
        measured.prefill,
        1000 * numPromptTokens / ms.timeToFirstTokenMs,
      );
    }
    if (isClose("decode") && isClose("prefill")) return;
  }
  const rates = JSON.stringify({ predicted, measured });
  assert.fail(`No prediction was close, in tokens a second: ${rates}`);
});

Deno.test("Engine.load() works where no measurement can be kept, and says so", async () => {
  const dir = makeTestDir();
  await Deno.writeTextFile(`${dir}/file`, "");
  const engine = createEngine({ cacheDir: `${dir}/file/below` });
  await engine.load(MODEL);
  const { prediction, remarks } = await engine.plan({ model: MODEL });
  assert.equal(prediction, null);
  assert.match(remarks[0]!, /^Its speed was measured, but could not be kept for later plans: /);
  await engine.close();
});

Deno.test("Engine.load() leaves measuring out once four loads have measured the model", async () => {
  const cacheDir = makeTestDir();
  const path = `${cacheDir}/measurements.json`;
  const load = async () => {
    const engine = createEngine({ cacheDir });
    await engine.load(MODEL);
    await engine.close();
    return await Deno.readTextFile(path);
  };
  const first = await load();
  assert.notEqual(await load(), first);
  const full = (await Deno.readTextFile(path)).replace(/"numSamples": \d/, '"numSamples": 4');
  await Deno.writeTextFile(path, full);
  assert.equal(await load(), full);
  const old = full.replace(/"measuredAt": \d+/, '"measuredAt": 1');
  await Deno.writeTextFile(path, old);
  assert.notEqual(await load(), old);
});
