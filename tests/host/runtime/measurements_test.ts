import assert from "node:assert/strict";
import { createEngine } from "../../../engine/mod.ts";
import { LocalEngine } from "../../../engine/runtime/engine.ts";
import {
  findCacheDir,
  isOn,
  isSettled,
  MeasurementFile,
} from "../../../engine/runtime/measurements.ts";
import { MADE_UP_ADAPTER, madeUpModel } from "../../support/made_up_measurements.ts";
import { fromFileUrl } from "../../support/paths.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const WRITER = fromFileUrl(new URL("../../support/record_measurements.ts", import.meta.url));
const ROOT = fromFileUrl(new URL("../../../", import.meta.url));

const GPU = {
  kind: "gpu",
  description: "made-up adapter",
  minSubgroupSize: 32,
  maxBindingBytes: 2 ** 30,
  maxBufferBytes: 2 ** 30,
} as const;

Deno.test("MeasurementFile.record() keeps a model of each shape and adapter", async () => {
  const dir = `${makeTestDir()}/not/there/yet`;
  const file = new MeasurementFile(dir);
  assert.deepEqual(await file.read(), { measurements: [], fault: null });
  await file.record(MADE_UP_ADAPTER, madeUpModel());
  await file.record(MADE_UP_ADAPTER, madeUpModel({ model: "larger", weightBytes: 2000 }));
  await file.record({ ...MADE_UP_ADAPTER, adapter: "another" }, madeUpModel());
  const { measurements, fault } = await new MeasurementFile(dir).read();
  assert.equal(fault, null);
  assert.deepEqual(measurements.map(({ adapter, model }) => [adapter, model]), [
    ["made-up adapter", "made-up"],
    ["made-up adapter", "larger"],
    ["another", "made-up"],
  ]);
  assert.ok(isOn(measurements[0]!, MADE_UP_ADAPTER));
  assert.ok(!isOn(measurements[2]!, MADE_UP_ADAPTER));
  assert.ok(!isOn(measurements[0]!, { ...MADE_UP_ADAPTER, kernelsVersion: 0 }));
  assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["measurements.json"]);
});

Deno.test("MeasurementFile.record() takes the mean of some loads, and follows a machine that changed", async () => {
  const file = new MeasurementFile(makeTestDir());
  const decodeMs = async (ms: number) => {
    await file.record(MADE_UP_ADAPTER, madeUpModel({ decodeMs: ms }));
    const { measurements: [measurement, ...others] } = await file.read();
    assert.deepEqual(others, []);
    return measurement!.decodeMs;
  };
  assert.equal(await decodeMs(10), 10);
  assert.equal(await decodeMs(20), 15);
  assert.equal(await decodeMs(30), 20);
  assert.equal(await decodeMs(40), 25);
  for (let i = 0; i < 20; i++) await decodeMs(100);
  assert.ok(await decodeMs(100) > 99);
});

Deno.test("isSettled() is true for a day once four loads measured the shapes on the adapter", async () => {
  const file = new MeasurementFile(makeTestDir());
  const hour = 60 * 60 * 1000;
  const isDone = async (changes: { shapes?: object; on?: object; now?: number } = {}) => {
    const { measurements } = await file.read();
    const { shapes, on, now = Date.now() } = changes;
    return isSettled(measurements, { ...MADE_UP_ADAPTER, ...on }, {
      shapes: { ...madeUpModel({ model: "an alias" }), ...shapes },
      now,
    });
  };
  for (let i = 0; i < 4; i++) {
    assert.equal(await isDone(), false);
    await file.record(MADE_UP_ADAPTER, madeUpModel());
  }
  assert.equal(await isDone(), true);
  assert.equal(await isDone({ shapes: { weightBytes: 1001 } }), false);
  assert.equal(await isDone({ shapes: { quantization: "q4f32_1" } }), false);
  assert.equal(await isDone({ on: { kernelsVersion: 0 } }), false);
  assert.equal(await isDone({ now: Date.now() + 23 * hour }), true);
  assert.equal(await isDone({ now: Date.now() + 25 * hour }), false);
  assert.equal(await isDone({ now: Date.now() - hour }), false);
});

Deno.test("MeasurementFile.record() keeps the 64 latest", async () => {
  const file = new MeasurementFile(makeTestDir());
  for (let i = 1; i <= 70; i++) await file.record(MADE_UP_ADAPTER, madeUpModel({ weightBytes: i }));
  const { measurements } = await file.read();
  assert.deepEqual([measurements.length, measurements[0]!.weightBytes], [64, 7]);
});

Deno.test("MeasurementFile.record() loses nothing of two processes that write at once", async () => {
  const dir = makeTestDir();
  const children = ["one", "three"].map((name) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", `${ROOT}deno.json`, WRITER, dir, name, "20"],
    }).output()
  );
  for (const { code, stderr } of await Promise.all(children)) {
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }
  const { measurements, fault } = await new MeasurementFile(dir).read();
  assert.equal(fault, null);
  assert.equal(measurements.length, 40);
});

for (
  const [title, text, why] of [
    ["half a file", '{"version": 1, "measurements": [{"ad', /JSON/],
    ["another version", '{"version": 2, "measurements": []}', /version 2/],
    ["no list", '{"version": 1}', /damaged/],
    ["nothing", "", /JSON/],
    ["a negative time", JSON.stringify(fileWith({ decodeMs: -1 })), /damaged/],
    ["a missing time", JSON.stringify(fileWith({ prefillMs: null })), /damaged/],
    ["too many bytes", " ".repeat(300_000), /bytes/],
  ] as const
) {
  Deno.test(`MeasurementFile.read() ignores ${title} with a reason, and record() mends it`, async () => {
    const dir = makeTestDir();
    await Deno.writeTextFile(`${dir}/measurements.json`, text);
    const file = new MeasurementFile(dir);
    const { measurements, fault } = await file.read();
    assert.deepEqual(measurements, []);
    assert.match(fault!, why);
    await file.record(MADE_UP_ADAPTER, madeUpModel());
    assert.equal((await file.read()).measurements.length, 1);
  });
}

function fileWith(changes: Record<string, unknown>) {
  const measurement = { ...MADE_UP_ADAPTER, ...madeUpModel(), numSamples: 1, measuredAt: 1 };
  return { version: 1, measurements: [{ ...measurement, ...changes }] };
}

Deno.test("MeasurementFile.record() says when it cannot write", async () => {
  const dir = makeTestDir();
  await Deno.writeTextFile(`${dir}/file`, "");
  const file = new MeasurementFile(`${dir}/file/below`);
  await assert.rejects(file.record(MADE_UP_ADAPTER, madeUpModel()));
});

Deno.test("findCacheDir() follows XDG_CACHE_HOME, unless it is relative", () => {
  const before = Deno.env.get("XDG_CACHE_HOME");
  try {
    Deno.env.set("XDG_CACHE_HOME", "/somewhere");
    assert.equal(findCacheDir(), "/somewhere/ollm");
    Deno.env.set("XDG_CACHE_HOME", "somewhere");
    assert.notEqual(findCacheDir(), "somewhere/ollm");
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
  }
});

Deno.test("Engine.plan() predicts from what was measured on its adapter, and says so when nothing was", async () => {
  const cacheDir = makeTestDir();
  const inspectAdapter = () => Promise.resolve(GPU);
  const engine = new LocalEngine({ cacheDir }, { inspectAdapter });
  const file = new MeasurementFile(cacheDir);
  await file.record({ ...MADE_UP_ADAPTER, adapter: "another" }, madeUpModel());
  const before = await engine.plan();
  assert.equal(before.prediction, null);
  assert.match(before.reasons.at(-1)!, /^No rates are predicted: no model was measured on this/);
  await file.record(MADE_UP_ADAPTER, madeUpModel({ weightBytes: 3e6, numLayerWeights: 1e6 }));
  const { prediction, reasons } = await engine.plan();
  assert.match(prediction!.basis, /^Scaled from "made-up"/);
  assert.ok(!reasons.some((reason) => /rates/.test(reason)));
  await Deno.writeTextFile(`${cacheDir}/measurements.json`, "{");
  const damaged = await engine.plan();
  assert.equal(damaged.prediction, null);
  assert.match(damaged.reasons.at(-1)!, /^No rates are predicted: cannot use .*measurements\.json/);
  await engine.close();
});

Deno.test("Engine.plan() predicts nothing for a model that cannot run", async () => {
  const engine = createEngine({ cacheDir: null });
  assert.equal((await engine.plan({ model: "no such model" })).prediction, null);
  await engine.close();
});
