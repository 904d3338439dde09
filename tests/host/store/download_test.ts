/** What a download fetches, keeps and says when nothing goes wrong. */
import assert from "node:assert/strict";
import { downloadModel, readMark } from "../../../engine/store/download/mod.ts";
import { DownloadError, ModelNotFoundError } from "../../../engine/errors.ts";
import type { DownloadProgress } from "../../../engine/types.ts";
import {
  assertComplete,
  download,
  FAST,
  hubModel,
  listNames,
  modelFiles,
  newModelDir,
  REPOSITORY,
  writeLargePackage,
} from "../../support/download.ts";
import { startLocalHub } from "../../support/local_hub.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const SOURCE = await writeLargePackage([40_000, 100_000, 20_000]);
const FILES = modelFiles(3);
const TOTAL = FILES.reduce((sum, name) => sum + Deno.statSync(`${SOURCE}/${name}`).size, 0);
const WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

Deno.test("downloadModel() fetches the files of the package and no others", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const dir = newModelDir();
  await download(hub, dir);
  await assertComplete(dir, SOURCE, FILES);
  const fetched = hub.requests.filter(({ status }) => status === 200).map(({ file }) => file);
  assert.deepEqual(fetched.sort(), ["api", ...FILES]);
});

Deno.test("downloadModel() pins the commit that the branch has at the start", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const dir = newModelDir();
  const commit = hub.commitOf(REPOSITORY);
  const moved = await writeLargePackage([40_000, 100_000, 20_000], 2);
  let hasMoved = false;
  await download(hub, dir, {
    onProgress: () => {
      if (!hasMoved) hub.publish(REPOSITORY, moved);
      hasMoved = true;
    },
  });
  assert.ok(hasMoved);
  await assertComplete(dir, SOURCE, FILES);
  assert.equal((await readMark(dir))?.commit, commit);
});

Deno.test("downloadModel() touches no network when nothing is missing", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const dir = newModelDir();
  await download(hub, dir);
  const numRequests = hub.requests.length;
  await download(hub, dir);
  await download(hub, dir, { hub: { offline: true } });
  assert.equal(hub.requests.length, numRequests);
});

Deno.test("downloadModel() takes what is there by its digest, and fetches the rest", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const dir = newModelDir();
  await Deno.mkdir(dir, { recursive: true });
  await Deno.copyFile(`${SOURCE}/params_shard_1.bin`, `${dir}/params_shard_1.bin`);
  const wrong = await Deno.readFile(`${SOURCE}/params_shard_0.bin`);
  wrong[5]! ^= 1;
  await Deno.writeFile(`${dir}/params_shard_0.bin`, wrong);
  await download(hub, dir);
  await assertComplete(dir, SOURCE, FILES);
  assert.equal(hub.countBytes("params_shard_1.bin"), 0);
  assert.equal(hub.countBytes("params_shard_0.bin"), 40_000);
});

Deno.test("downloadModel() with force fetches everything and follows the branch", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const dir = newModelDir();
  await download(hub, dir);
  const moved = await writeLargePackage([40_000, 8_000], 2);
  hub.publish(REPOSITORY, moved);
  await download(hub, dir);
  await assertComplete(dir, SOURCE, FILES);
  await download(hub, dir, { force: true });
  await assertComplete(dir, moved, modelFiles(2));
});

Deno.test("downloadModel() with force leaves the old files until all new ones are there", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const dir = newModelDir();
  await download(hub, dir);
  hub.faults.push({ file: "params_shard_1.bin", status: 500, times: 100 });
  await assert.rejects(download(hub, dir, { force: true }), DownloadError);
  const kept = listNames(dir).filter((name) => !/\.part(?:\.json)?$/.test(name));
  assert.deepEqual(kept, [".ollm.json", ...FILES]);
  hub.faults.length = 0;
  await download(hub, dir, { force: true });
  await assertComplete(dir, SOURCE, FILES);
});

Deno.test("downloadModel() fetches the library from the mirror and shares it", async () => {
  const wasm = `${makeTestDir()}/x.wasm`;
  await Deno.writeFile(wasm, WASM);
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: SOURCE },
    libraries: { "v0_2_86/base/x.wasm": wasm },
  });
  const dir = newModelDir();
  const library = {
    path: `${makeTestDir()}/libraries/x.wasm`,
    url: "https://raw.githubusercontent.com/mlc-ai/binary-mlc-llm-libs/main/web-llm-models/" +
      "v0_2_86/base/x.wasm",
  };
  await download(hub, dir, { model: { library } });
  await download(hub, newModelDir(), { model: { library } });
  assert.deepEqual(await Deno.readFile(library.path), WASM);
  assert.deepEqual(listNames(library.path.replace("/x.wasm", "")), ["x.wasm"]);
  assert.equal(hub.requests.filter(({ server }) => server === "library").length, 1);
  await assertComplete(dir, SOURCE, FILES);
});

Deno.test("downloadModel() sends the token to the hub's own host alone", async () => {
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: SOURCE },
    tokens: { [REPOSITORY]: "hf_secret" },
  });
  const dir = newModelDir();
  const { endpoint } = hub;
  await download(hub, dir, { hub: { endpoint, token: "hf_secret" } });
  await assertComplete(dir, SOURCE, FILES);
  for (const { server, headers } of hub.requests) {
    assert.equal(headers.get("authorization"), server === "hub" ? "Bearer hf_secret" : null);
  }
  assert.ok(hub.requests.some(({ server }) => server === "cdn"));
});

Deno.test("downloadModel() reports progress that only grows and ends at the total", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const reports: DownloadProgress[] = [];
  await download(hub, newModelDir(), { onProgress: (progress) => reports.push(progress) });
  for (const [i, { numBytes, numFilesDone }] of reports.entries()) {
    assert.ok(numBytes >= (reports[i - 1]?.numBytes ?? 0));
    assert.ok(numFilesDone >= (reports[i - 1]?.numFilesDone ?? 0));
  }
  const { numBytes, totalBytes, numFiles, numFilesDone } = reports.at(-1)!;
  assert.deepEqual([numBytes, totalBytes], [TOTAL, TOTAL]);
  assert.deepEqual([numFiles, numFilesDone], [FILES.length, FILES.length]);
  assert.ok(reports.some(({ rate }) => rate > 0));
});

Deno.test("downloadModel() checks by the answers' tags when the list has no digests", async () => {
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: SOURCE },
    isPlainListing: true,
    faults: [{ file: "vocab.json", wrongByteAt: 3 }, { file: "params_shard_2.bin", cutAfter: 999 }],
  });
  const dir = newModelDir();
  await download(hub, dir);
  await assertComplete(dir, SOURCE, FILES);
});

Deno.test("downloadModel() refuses a file of which nobody says a digest", async () => {
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: SOURCE },
    isPlainListing: true,
    faults: [{ file: "vocab.json", headers: { etag: '"5-abc"' } }],
  });
  await assert.rejects(download(hub, newModelDir()), {
    code: "download_failed",
    message: /^Cannot download vocab\.json of org\/model: the hub names no digest/,
  });
});

Deno.test("downloadModel() offline says what is missing and asks nobody", async () => {
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  const dir = newModelDir();
  const library = { path: `${dir}.wasm`, url: "https://example.com/x.wasm" };
  await assert.rejects(download(hub, dir, { hub: { offline: true }, model: { library } }), {
    code: "offline",
    message: `Cannot download "org/model": offline mode is on, and it would fetch the compiled ` +
      `library "${dir}.wasm" and the files of org/model in "${dir}"; ` +
      "download the model once with a network, or copy the files there",
  });
  assert.equal(hub.requests.length, 0);
  assert.deepEqual(listNames(dir), []);
});

Deno.test("downloadModel() leaves a directory of the user's own alone", async () => {
  const model = hubModel(SOURCE, { repository: null, sourceKind: "local-path" });
  await downloadModel(model, { hub: { endpoint: "http://127.0.0.1:9" }, tuning: FAST });
  const absent = hubModel(`${SOURCE}/absent`, { repository: null, sourceKind: "local-path" });
  await assert.rejects(downloadModel(absent, { hub: {} }), ModelNotFoundError);
  await assert.rejects(
    downloadModel(hubModel("x", { path: null, message: "No model has this name" }), { hub: {} }),
    { message: 'Cannot find model "org/model": No model has this name' },
  );
});

Deno.test("downloadModel() aborted keeps its parts for the next time", async () => {
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: SOURCE },
    faults: [{ file: "params_shard_1.bin", stallAfter: 60_000 }],
  });
  const dir = newModelDir();
  const stop = new AbortController();
  const stopped = download(hub, dir, {
    signal: stop.signal,
    tuning: { stallMs: 10_000 },
    onProgress: ({ numBytes }) => numBytes === TOTAL - 40_000 && stop.abort(),
  });
  await assert.rejects(stopped, { name: "AbortError" });
  assert.ok(!listNames(dir).includes(".ollm.lock"));
  assert.equal(Deno.statSync(`${dir}/params_shard_1.bin.part`).size, 60_000);
  await download(hub, dir);
  await assertComplete(dir, SOURCE, FILES);
  assert.equal(hub.countBytes("params_shard_1.bin"), 100_000);
});
