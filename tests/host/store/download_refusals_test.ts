/** Downloads that are refused, by the hub or by us: each says what, why, and what to do. */
import assert from "node:assert/strict";
import { ModelInvalidError, ModelNotFoundError } from "../../../engine/errors.ts";
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
import { makeTestDir } from "../../support/test_dir.ts";

const SHARD = "params_shard_0.bin";
const SHARD_BYTES = 90_000;
const SOURCE = await writeLargePackage([SHARD_BYTES, 30_000]);
const FILES = modelFiles(2);

function startHub(...faults: Fault[]): LocalHub {
  return startLocalHub({ packages: { [REPOSITORY]: SOURCE }, faults });
}

/** Where a server was a moment ago. */
async function closedEndpoint(): Promise<string> {
  await using hub = startHub();
  return hub.endpoint;
}

Deno.test("downloadModel() says that a gated repository wants a token, or another one", async () => {
  const tokens = { [REPOSITORY]: "right" };
  await using hub = startLocalHub({ packages: { [REPOSITORY]: SOURCE }, tokens });
  const { endpoint } = hub;
  const { host } = new URL(endpoint);
  await assert.rejects(download(hub, newModelDir()), {
    code: "download_failed",
    message:
      `Cannot download org/model: ${host} wants to know who asks (status 401), since it is ` +
      "gated or private; accept the licence on its page, then set an access token",
  });
  await assert.rejects(download(hub, newModelDir(), { hub: { endpoint, token: "wrong" } }), {
    code: "download_failed",
    message: /refuses the access token \(status 403\); accept the licence .* or use another token/,
  });
});

Deno.test("downloadModel() tells absent repositories, revisions and files apart", async () => {
  await using hub = startHub();
  const { host } = new URL(hub.endpoint);
  const dir = newModelDir();
  await assert.rejects(download(hub, dir, { model: { repository: "org/absent" } }), {
    code: "model_not_found",
    message: `Cannot find model "org/model": ${host} has no public repository org/absent; ` +
      "check the name, or set an access token if it is private",
  });
  await assert.rejects(download(hub, dir, { model: { revision: "v9" } }), (error: Error) => {
    assert.ok(error instanceof ModelNotFoundError);
    assert.match(error.message, /the repository org\/model has no revision "v9" on 127\.0\.0\.1/);
    return true;
  });
  hub.faults.push({ file: "api", status: 404 });
  await assert.rejects(download(hub, dir), {
    message: /has no repository org\/model; check the name/,
  });
  assert.deepEqual(listNames(dir), []);
  hub.faults.push({ file: SHARD, status: 404 });
  await assert.rejects(download(hub, dir), {
    message: /^Cannot download params_shard_0\.bin of org\/model: the hub lists it at commit/,
  });
});

Deno.test("downloadModel() refuses what is no hub, no URL or not there", async () => {
  await using hub = startHub();
  const failing = (endpoint: string) => download(hub, newModelDir(), { hub: { endpoint } });
  await assert.rejects(failing("ftp://example.com"), {
    message: /^Cannot use the hub endpoint "ftp:\/\/example\.com": it is no http or https URL/,
  });
  await assert.rejects(failing(await closedEndpoint()), {
    message: /file list of org\/model: 127\.0\.0\.1:\d+ cannot be reached \(.*refused.*\), 2 times/,
  });
  hub.faults.push({ file: "api", status: 200 });
  await assert.rejects(download(hub, newModelDir()), {
    message: /answered with something that is no JSON object instead of the repository's file list/,
  });
});

Deno.test("downloadModel() leaves no directory behind where it got nothing", async () => {
  await using hub = startHub();
  const dir = newModelDir();
  await assert.rejects(download(hub, dir, { hub: { endpoint: await closedEndpoint() } }));
  await assert.rejects(Deno.lstat(dir), Deno.errors.NotFound);
});

for (
  const [to, reason] of [
    ["http://example.com/x", /redirected to example\.com without https, which is not followed/],
    ["https://169.254.169.254/x", /to 169\.254\.169\.254, which is no public host/],
    ["https://[::1]/x", /to \[::1\], which is no public host/],
    ["https://router.local/x", /to router\.local, which is no public host/],
    ["https://localhost/x", /to localhost, which is no public host/],
    ["file:///etc/passwd", /to file: without https/],
  ] as const
) {
  Deno.test(`downloadModel() does not follow a redirect to ${to}`, async () => {
    await using hub = startHub({ file: SHARD, redirectTo: to, times: 99 });
    await assert.rejects(download(hub, newModelDir()), {
      code: "download_failed",
      message: reason,
    });
  });
}

Deno.test("downloadModel() does not follow redirects for ever", async () => {
  await using hub = startHub({ file: SHARD, times: 99 });
  const loop = `${hub.endpoint}/${REPOSITORY}/resolve/${hub.commitOf(REPOSITORY)}/${SHARD}`;
  hub.faults[0]!.redirectTo = loop;
  await assert.rejects(download(hub, newModelDir()), {
    message: /redirected more than 5 times; check the hub's endpoint/,
  });
});

Deno.test("downloadModel() sends no token to another origin that it is redirected to", async () => {
  await using other = startLocalHub({ packages: { [REPOSITORY]: SOURCE } });
  await using hub = startHub();
  const { endpoint } = hub;
  const path = `${REPOSITORY}/resolve/${hub.commitOf(REPOSITORY)}/${SHARD}`;
  hub.faults.push({ file: SHARD, redirectTo: `${other.endpoint}/${path}` });
  const dir = newModelDir();
  await download(hub, dir, { hub: { endpoint, token: "secret" } });
  await assertComplete(dir, SOURCE, FILES);
  assert.equal(other.countBytes(SHARD), SHARD_BYTES);
  for (const { headers } of other.requests) assert.equal(headers.get("authorization"), null);
});

Deno.test("downloadModel() refuses a repository that is no package or contradicts itself", async () => {
  const empty = makeTestDir();
  await Deno.writeTextFile(`${empty}/config.json`, "{}");
  await using hub = startLocalHub({ packages: { [REPOSITORY]: empty } });
  await assert.rejects(download(hub, newModelDir()), {
    message: /^Cannot download org\/model: it is no MLC package, since it has no mlc-chat-config/,
  });
  const cut = await writeLargePackage([SHARD_BYTES, 30_000]);
  await Deno.truncate(`${cut}/${SHARD}`, 100);
  hub.publish(REPOSITORY, cut);
  await assert.rejects(download(hub, newModelDir()), {
    message: /its index says that params_shard_0\.bin has 90000 bytes, the hub has 100; the repos/,
  });
  await Deno.remove(`${cut}/${SHARD}`);
  hub.publish(REPOSITORY, cut);
  await assert.rejects(download(hub, newModelDir()), { message: /the hub does not have it/ });
});

for (const name of ["../x.json", "model.py", "a/b.json", 7]) {
  Deno.test(`downloadModel() refuses ${JSON.stringify(name)} as a tokenizer file`, async () => {
    const bad = await writeLargePackage([4_000]);
    const path = `${bad}/mlc-chat-config.json`;
    const config = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...config, tokenizer_files: [name] }));
    await using hub = startLocalHub({ packages: { [REPOSITORY]: bad } });
    await assert.rejects(download(hub, newModelDir()), (error: Error) => {
      assert.ok(error instanceof ModelInvalidError);
      assert.match(error.message, /tokenizer_files\[0\] is .*, expected a name that ends in/);
      return true;
    });
  });
}

Deno.test("downloadModel() refuses an index that names other files than shards", async () => {
  const bad = await writeLargePackage([4_000]);
  const path = `${bad}/tensor-cache.json`;
  const index = JSON.parse(await Deno.readTextFile(path));
  for (const dataPath of ["../../x.bin", "pytorch_model.bin", "/etc/passwd", 3]) {
    index.records[0].dataPath = dataPath;
    await Deno.writeTextFile(path, JSON.stringify(index));
    await using hub = startLocalHub({ packages: { [REPOSITORY]: bad } });
    await assert.rejects(download(hub, newModelDir()), {
      code: "model_invalid",
      message: /records\[0\]\.dataPath is .*, expected params_shard_<number>\.bin/,
    });
    assert.equal(hub.countBytes("pytorch_model.bin"), 0);
  }
});

Deno.test("downloadModel() refuses a library that is damaged or no WebAssembly", async () => {
  const wasm = `${makeTestDir()}/x.wasm`;
  await Deno.writeFile(wasm, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const page = `${makeTestDir()}/page.wasm`;
  await Deno.writeTextFile(page, "<html>Please log in</html>");
  await using hub = startLocalHub({ libraries: { "x.wasm": wasm, "page.wasm": page } });
  const fetchLibrary = (name: string) => {
    const library = { path: `${makeTestDir()}/${name}`, url: `${hub.libraryEndpoint}/${name}` };
    const model = { repository: null, path: SOURCE, library };
    return download(hub, SOURCE, { model }).then(() => library.path);
  };
  hub.faults.push({ file: "x.wasm", wrongByteAt: 6 });
  assert.deepEqual(await Deno.readFile(await fetchLibrary("x.wasm")), await Deno.readFile(wasm));
  hub.faults.push({ file: "x.wasm", wrongByteAt: 6, times: 2 });
  await assert.rejects(fetchLibrary("x.wasm"), {
    message:
      /^Cannot download the compiled library x\.wasm: its sha256 is .*also when fetched anew/,
  });
  await assert.rejects(fetchLibrary("page.wasm"), {
    message: /what came is no WebAssembly module; check the library endpoint/,
  });
  await assert.rejects(fetchLibrary("absent.wasm"), {
    message: /absent\.wasm: 127\.0\.0\.1:\d+ answers with status 404; check the library endpoint/,
  });
});
