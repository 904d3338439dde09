/** Downloads of several processes: one writer, and nothing is lost when one ends. */
import assert from "node:assert/strict";
import type { DownloadProgress } from "../../../engine/types.ts";
import {
  assertComplete,
  listNames,
  modelFiles,
  newModelDir,
  REPOSITORY,
  writeLargePackage,
} from "../../support/download.ts";
import { startLocalHub } from "../../support/local_hub.ts";
import { fromFileUrl } from "../../support/paths.ts";

const SOURCE = await writeLargePackage([40_000, 400_000, 20_000]);
const FILES = modelFiles(3);
const TOTAL = FILES.reduce((sum, name) => sum + Deno.statSync(`${SOURCE}/${name}`).size, 0);
const CHILD = fromFileUrl(new URL("../../support/download_child.ts", import.meta.url));

interface Child {
  process: Deno.ChildProcess;
  /** Resolves at the first report that fits; fails when the process ends before. */
  waitFor(fits: (progress: DownloadProgress) => boolean): Promise<void>;
  end(): Promise<{ code: number; reports: DownloadProgress[]; message: string }>;
}

function startChild(options: Record<string, unknown>, shell = ""): Child {
  const args = ["run", "-A", "--no-check", CHILD, JSON.stringify(options)];
  const command = shell === ""
    ? new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped" })
    : new Deno.Command("sh", {
      args: ["-c", `${shell} exec "$@"`, "sh", Deno.execPath(), ...args],
      stdout: "piped",
      stderr: "piped",
    });
  const process = command.spawn();
  const reports: DownloadProgress[] = [];
  const watchers = new Set<() => void>();
  const reading = readLines(process.stdout, (line) => {
    reports.push(JSON.parse(line));
    for (const watcher of watchers) watcher();
  });
  const message = new Response(process.stderr).text();
  return {
    process,
    async waitFor(fits) {
      const found = Promise.withResolvers<void>();
      const watcher = () => reports.some(fits) && found.resolve();
      watchers.add(watcher);
      watcher();
      const ended = process.status.then(() => Promise.reject(new Error("The child has ended")));
      await Promise.race([found.promise, ended]);
      watchers.delete(watcher);
      ended.catch(() => {});
    },
    async end() {
      const [{ code }, text] = await Promise.all([process.status, message, reading]);
      return { code, reports, message: text };
    },
  };
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
  }
}

Deno.test("two processes download once; the second waits and says so", async () => {
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: SOURCE },
    faults: [{ file: "params_shard_1.bin", bytesPerSecond: 400_000 }],
  });
  const dir = newModelDir();
  const { endpoint } = hub;
  const children = [startChild({ endpoint, dir }), startChild({ endpoint, dir })];
  const ends = await Promise.all(children.map((child) => child.end()));
  assert.deepEqual(ends.map(({ code, message }) => [code, message]), [[0, ""], [0, ""]]);
  const waiting = ends.map(({ reports }) => reports.some(({ isWaiting }) => isWaiting === true));
  assert.deepEqual(waiting.sort(), [false, true]);
  assert.equal(hub.countBytes(), TOTAL);
  assert.equal(hub.requests.filter(({ file }) => file === "api").length, 1);
  await assertComplete(dir, SOURCE, FILES);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGKILL", 137]] as const) {
  Deno.test(`a process that ends by ${signal} is resumed by the next one`, async () => {
    await using hub = startLocalHub({
      packages: { [REPOSITORY]: SOURCE },
      faults: [{ file: "params_shard_1.bin", stallAfter: 240_000 }],
    });
    const dir = newModelDir();
    const { endpoint } = hub;
    const first = startChild({ endpoint, dir });
    await first.waitFor(({ numBytes }) => numBytes === TOTAL - 160_000);
    first.process.kill(signal);
    assert.equal((await first.end()).code, code);
    assert.equal(Deno.statSync(`${dir}/params_shard_1.bin.part`).size, 240_000);
    assert.equal(listNames(dir).includes(".ollm.json"), false);
    const second = await startChild({ endpoint, dir }).end();
    assert.deepEqual([second.code, second.message], [0, ""]);
    assert.equal(hub.countBytes(), TOTAL);
    await assertComplete(dir, SOURCE, FILES);
  });
}

Deno.test("a process that waits goes on when the other one dies", async () => {
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: SOURCE },
    faults: [{ file: "params_shard_1.bin", stallAfter: 240_000 }],
  });
  const dir = newModelDir();
  const { endpoint } = hub;
  const first = startChild({ endpoint, dir });
  await first.waitFor(({ numBytes }) => numBytes === TOTAL - 160_000);
  const second = startChild({ endpoint, dir });
  await second.waitFor(({ isWaiting }) => isWaiting === true);
  first.process.kill("SIGKILL");
  await first.end();
  const { code, message } = await second.end();
  assert.deepEqual([code, message], [0, ""]);
  assert.equal(hub.countBytes(), TOTAL);
  await assertComplete(dir, SOURCE, FILES);
});

Deno.test({
  name: "a file that cannot be written ends the download with its name and what to do",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using hub = startLocalHub({
      packages: { [REPOSITORY]: SOURCE },
      // The other files are whole before this one fails.
      faults: [{ file: "params_shard_1.bin", bytesPerSecond: 500_000 }],
    });
    const dir = newModelDir();
    const { endpoint } = hub;
    // No file of this process may be larger than 200 blocks of 512 bytes or 1 KiB, as the shell counts.
    const limited = startChild({ endpoint, dir }, "trap '' XFSZ; ulimit -f 200;");
    const { code, message } = await limited.end();
    assert.equal(code, 1);
    assert.match(
      message,
      /^Cannot write ".*\/params_shard_1\.bin\.part": File too large .*; check the models directory/,
    );
    assert.equal((await startChild({ endpoint, dir }).end()).code, 0);
    assert.equal(hub.countBytes("params_shard_0.bin"), 40_000);
    await assertComplete(dir, SOURCE, FILES);
  },
});
