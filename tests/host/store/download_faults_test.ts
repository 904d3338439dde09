/** Downloads against a hub that fails: what passes is tried again, what is wrong is never accepted, the rest is explained. */
import assert from "node:assert/strict";
import { DownloadError } from "../../../engine/errors.ts";
import {
  assertComplete,
  download,
  listNames,
  modelFiles,
  newModelDir,
  REPOSITORY,
  writeLargePackage,
} from "../../support/download.ts";
import { type Fault, type LocalHub, startLocalHub } from "../../support/local_hub.ts";
import { createRandom } from "../../support/random.ts";

const SHARD = "params_shard_0.bin";
const SHARD_BYTES = 90_000;
const SOURCE = await writeLargePackage([SHARD_BYTES, 30_000]);
const FILES = modelFiles(2);
const SEED = 20_260_101;

function startHub(...faults: Fault[]): LocalHub {
  return startLocalHub({ packages: { [REPOSITORY]: SOURCE }, faults });
}

/** Downloads and expects the whole model. */
async function downloadWhole(hub: LocalHub, dir = newModelDir()): Promise<string> {
  await download(hub, dir);
  await assertComplete(dir, SOURCE, FILES);
  return dir;
}

Deno.test(`downloadModel() survives 50 cuts at random bytes (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  const source = await writeLargePackage([1_000_000, 30_000]);
  const cuts = Array.from({ length: 50 }, () => ({
    file: SHARD,
    cutAfter: 1 + Math.floor(random() * 19_000),
  }));
  await using hub = startLocalHub({ packages: { [REPOSITORY]: source }, faults: cuts });
  const dir = newModelDir();
  await download(hub, dir);
  await assertComplete(dir, source, FILES);
  assert.equal(hub.faults.every(({ times }) => times === 0), true);
  assert.equal(hub.countBytes(SHARD), 1_000_000);
});

Deno.test(`downloadModel() ends whole for 50 models, each cut somewhere (seed ${SEED})`, async () => {
  const random = createRandom(SEED + 1);
  for (let i = 0; i < 50; i++) {
    const file = FILES[Math.floor(random() * FILES.length)]!;
    const { size } = Deno.statSync(`${SOURCE}/${file}`);
    await using hub = startHub({ file, cutAfter: Math.floor(random() * size) });
    await downloadWhole(hub);
    assert.equal(hub.countBytes(file), size, `${file} is fetched once`);
  }
});

for (const file of FILES) {
  Deno.test(`downloadModel() fetches ${file} anew when a byte of it is wrong`, async () => {
    await using hub = startHub({ file, wrongByteAt: 5 });
    await downloadWhole(hub);
    assert.equal(hub.countBytes(file), 2 * Deno.statSync(`${SOURCE}/${file}`).size);
  });

  Deno.test(`downloadModel() never accepts ${file} with a wrong byte`, async () => {
    await using hub = startHub({ file, wrongByteAt: 1, times: 99 });
    const dir = newModelDir();
    await assert.rejects(download(hub, dir), (error: Error) => {
      assert.ok(error instanceof DownloadError);
      assert.match(
        error.message,
        new RegExp(
          `^Cannot download ${file} of org/model: its [a-z0-9-]+ is .*also when fetched anew`,
        ),
      );
      return true;
    });
    const names = listNames(dir);
    assert.deepEqual(names.filter((name) => !/\.part(?:\.json)?$/.test(name)), []);
    assert.ok(!names.includes(`${file}.part`));
  });
}

Deno.test("downloadModel() finds a wrong byte in a part that it resumes", async () => {
  await using hub = startHub({ file: SHARD, cutAfter: 50_000 }, { file: SHARD, status: 403 });
  const dir = newModelDir();
  await assert.rejects(download(hub, dir), DownloadError);
  const part = `${dir}/${SHARD}.part`;
  const bytes = await Deno.readFile(part);
  assert.equal(bytes.length, 50_000);
  bytes[100]! ^= 1;
  await Deno.writeFile(part, bytes);
  await downloadWhole(hub, dir);
  assert.equal(hub.countBytes(SHARD), 50_000 + 40_000 + SHARD_BYTES);
});

for (const [tag, headers] of [["a", {}], ["no", { etag: "" }]] as const) {
  Deno.test(`downloadModel() drops the part of another revision's file with ${tag} tag`, async () => {
    const cut = { file: SHARD, cutAfter: 50_000, headers };
    await using hub = startHub(cut, { file: SHARD, status: 403 });
    const dir = newModelDir();
    await assert.rejects(download(hub, dir), DownloadError);
    const moved = await writeLargePackage([SHARD_BYTES, 30_000], 2);
    hub.publish(REPOSITORY, moved);
    await download(hub, dir);
    await assertComplete(dir, moved, FILES);
    assert.equal(hub.countBytes(SHARD), 50_000 + SHARD_BYTES);
  });
}

Deno.test("downloadModel() does not begin what the disk cannot hold", async () => {
  const huge = await writeLargePackage([4_000]);
  const path = `${huge}/tensor-cache.json`;
  const index = JSON.parse(await Deno.readTextFile(path));
  index.records[0].nbytes = 2 ** 50;
  await Deno.writeTextFile(path, JSON.stringify(index));
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: huge },
    claimedSizes: { [SHARD]: 2 ** 50 },
  });
  await assert.rejects(download(hub, newModelDir()), {
    code: "download_failed",
    message: /^Cannot download into ".*": 1048576\.00 GiB are missing, \d+\.\d\d GiB are free on/,
  });
  assert.equal(hub.countBytes(SHARD), 0);
});

Deno.test("downloadModel() begins anew when the server knows no ranges", async () => {
  await using hub = startHub({ file: SHARD, cutAfter: 50_000 }, { file: SHARD, ignoreRange: true });
  await downloadWhole(hub);
  assert.equal(hub.countBytes(SHARD), 50_000 + SHARD_BYTES);
});

Deno.test("downloadModel() begins anew when the server's file is another one by now", async () => {
  const changed = { etag: '"other"' };
  await using hub = startHub(
    { file: SHARD, cutAfter: 50_000 },
    { file: SHARD, headers: changed, cutAfter: 10_000 },
    { file: SHARD, headers: changed },
  );
  await downloadWhole(hub);
  const shard = hub.requests.filter(({ file, server }) => file === SHARD && server === "cdn");
  assert.deepEqual(shard.map(({ status }) => status), [200, 200, 206]);
  assert.equal(shard[2]!.headers.get("if-range"), '"other"');
});

Deno.test("downloadModel() begins anew after a wrong range", async () => {
  const headers = { "content-range": `bytes 0-39999/${SHARD_BYTES}` };
  await using hub = startHub({ file: SHARD, cutAfter: 50_000 }, { file: SHARD, headers });
  await downloadWhole(hub);
});

Deno.test("downloadModel() begins anew after 416, and fails if that does not help", async () => {
  await using hub = startHub({ file: SHARD, cutAfter: 50_000 }, { file: SHARD, status: 416 });
  await downloadWhole(hub);
  await using stubborn = startHub({ file: SHARD, status: 416, times: 99 });
  await assert.rejects(download(stubborn, newModelDir()), {
    code: "download_failed",
    message: /the hub lists it at commit [0-9a-f]{12} but answers with status 416/,
  });
});

Deno.test("downloadModel() does not believe a wrong Content-Length", async () => {
  await using hub = startHub({ file: SHARD, headers: { "content-length": "100000" } });
  await downloadWhole(hub);
  await using liar = startHub({ file: SHARD, headers: { "content-length": "100" }, times: 99 });
  await assert.rejects(download(liar, newModelDir()), {
    message: /params_shard_0\.bin of org\/model: the server says it has 100 bytes, it should have/,
  });
});

Deno.test("downloadModel() checks a body without Content-Length by its size", async () => {
  await using hub = startHub({ file: SHARD, headers: { "content-length": "" } });
  await downloadWhole(hub);
});

Deno.test("downloadModel() gives a silent connection up and goes on", async () => {
  await using hub = startHub({ file: SHARD, stallAfter: 50_000 }, { file: "api", status: 503 });
  await downloadWhole(hub);
  assert.equal(hub.countBytes(SHARD), SHARD_BYTES);
});

Deno.test("downloadModel() waits for a slow connection", async () => {
  await using hub = startHub({ file: SHARD, bytesPerSecond: 150_000 });
  await downloadWhole(hub);
  assert.equal(hub.countBytes(SHARD), SHARD_BYTES);
});

for (const status of [429, 500, 502, 503, 504]) {
  Deno.test(`downloadModel() tries again after ${status}, six times in all`, async () => {
    await using hub = startHub({ file: SHARD, status, times: 5 });
    await downloadWhole(hub);
    await using broken = startHub({ file: SHARD, status, times: 99 });
    await assert.rejects(download(broken, newModelDir()), {
      code: "download_failed",
      message:
        `Cannot download ${SHARD} of org/model: the server answered with status ${status}, ` +
        "6 times in a row; check the network and try again later: what has come is kept",
    });
    const tries = broken.requests.filter(({ server, file }) => server === "cdn" && file === SHARD);
    assert.equal(tries.length, 6);
  });
}

Deno.test("downloadModel() waits as long as Retry-After says, within bounds", async () => {
  const headers = { "retry-after": "1" };
  await using hub = startHub({ file: SHARD, status: 429, headers });
  const startedAt = performance.now();
  await downloadWhole(hub);
  assert.ok(performance.now() - startedAt >= 1000);
  await using busy = startHub({ file: "api", status: 429, headers: { "retry-after": "3600" } });
  await assert.rejects(download(busy, newModelDir()), {
    message:
      /the file list of org\/model: the server answered with status 429 and asks to wait for 3600 s/,
  });
});

Deno.test("downloadModel() at once in one process downloads once", async () => {
  await using hub = startHub();
  const dir = newModelDir();
  await Promise.all([1, 2, 3].map(() => download(hub, dir)));
  await assertComplete(dir, SOURCE, FILES);
  assert.equal(hub.countBytes(SHARD), SHARD_BYTES);
});
