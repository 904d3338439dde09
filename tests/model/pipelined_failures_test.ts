/** What becomes of a pipelined runner whose second stage fails. */
import assert from "node:assert/strict";
import { PipelinedRunner } from "../../engine/backends/wgsl/mod.ts";
import { DeviceError, EngineError, ModelInvalidError } from "../../engine/errors.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { device } from "../support/gpu.ts";
import { fromFileUrl } from "../support/paths.ts";

const TINY = fromFileUrl(new URL("../../models/ollm-tiny", import.meta.url));

const STEP = [{ sequence: 0, tokens: [1], firstPosition: 0, blocks: [0], numLogits: 1 }];

function workerThat(fails: string): URL {
  return new URL(`../support/failing_stage_worker.ts#${fails}`, import.meta.url);
}

async function load(workerUrl?: URL): Promise<PipelinedRunner> {
  const pkg = await openPackage(TINY);
  return await PipelinedRunner.load(device, pkg, {
    contextLength: 64,
    ...(workerUrl === undefined ? {} : { workerUrl }),
  });
}

/** Threads of workers in this process; null where the system does not tell. */
function countWorkers(): number | null {
  if (Deno.build.os !== "linux") return null;
  const names = [...Deno.readDirSync("/proc/self/task")].map(({ name }) => {
    try {
      return Deno.readTextFileSync(`/proc/self/task/${name}/comm`);
    } catch {
      return ""; // it has just ended
    }
  });
  return names.filter((name) => name.startsWith("worker-")).length;
}

/** A worker's thread ends soon after its worker; those of earlier tests may end meanwhile. */
async function assertWorkers(max: number | null): Promise<void> {
  const hasMore = () => max !== null && countWorkers()! > max;
  for (let i = 0; i < 40 && hasMore(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(!hasMore(), `${countWorkers()} workers, ${max} before`);
}

Deno.test("PipelinedRunner.load() fails as the second stage does, and leaves no worker", async () => {
  const numWorkers = countWorkers();
  await assert.rejects(load(workerThat("no-memory")), (error) => {
    assert.ok(error instanceof DeviceError);
    assert.equal(error.code, "out_of_memory");
    assert.match(error.message, /not enough memory for a test/);
    return true;
  });
  await assertWorkers(numWorkers);
});

Deno.test("PipelinedRunner.load() ends the second stage when a shard is damaged", async () => {
  const numWorkers = countWorkers();
  const pkg = await openPackage(TINY);
  const shards = pkg.shards.map((shard) => ({ ...shard, md5: "0".repeat(32) }));
  await assert.rejects(PipelinedRunner.load(device, { ...pkg, shards }), ModelInvalidError);
  await assertWorkers(numWorkers);
});

Deno.test("PipelinedRunner.run() tells of a lost device of the second stage", async () => {
  const runner = await load(workerThat("loses-device"));
  await runner.run(STEP);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(runner.run(STEP), (error) => {
      assert.ok(error instanceof DeviceError);
      assert.equal(error.code, "device_lost");
      return true;
    });
  }
  runner.destroy();
});

for (const fails of ["loses-device", "dies-in-step", "dies-idle"]) {
  Deno.test(`PipelinedRunner.run() fails for both steps in flight where the second stage ${fails.replaceAll("-", " ")}`, async () => {
    const runner = await load(workerThat(fails));
    const other = STEP.map((entry) => ({ ...entry, sequence: 1, blocks: [1] }));
    const [first, second, third] = await Promise.allSettled([
      runner.run(STEP),
      runner.run(other),
      runner.run(STEP),
    ]);
    assert.equal(first.status, "fulfilled");
    for (const result of [second, third]) {
      assert.ok(result.status === "rejected");
      assert.ok(result.reason instanceof EngineError);
      assert.notEqual(result.reason.code, "engine_closed");
    }
    runner.destroy();
  });
}

Deno.test("PipelinedRunner.destroy() ends the steps in flight", async () => {
  const runner = await load();
  const other = STEP.map((entry) => ({ ...entry, sequence: 1, blocks: [1] }));
  const steps = [runner.run(STEP), runner.run(other)];
  for (const step of steps) step.catch(() => {});
  await Promise.resolve();
  runner.destroy();
  for (const step of steps) await assert.rejects(step);
});

for (const fails of ["dies-in-step", "dies-idle"]) {
  Deno.test(`PipelinedRunner.run() fails where the second stage ${fails.replaceAll("-", " ")}`, async () => {
    const runner = await load(workerThat(fails));
    await runner.run(STEP);
    await assert.rejects(runner.run(STEP), (error) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.code, "engine_failed");
      assert.match(error.message, /second stage died: .*died in a test/);
      return true;
    });
    runner.destroy();
  });
}

Deno.test("PipelinedRunner.destroy() ends a worker that waits for pieces, and one that is parked", async () => {
  const numWorkers = countWorkers();
  for (const idleMs of [0, 300]) {
    const runner = await load();
    await runner.run(STEP);
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    runner.destroy();
    await assertWorkers(numWorkers);
    await assert.rejects(runner.run(STEP));
  }
});
