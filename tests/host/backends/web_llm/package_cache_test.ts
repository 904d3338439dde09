import assert from "node:assert/strict";
import { basename, join } from "node:path";
import type { Library } from "../../../../engine/backends/web_llm/library.ts";
import {
  createPackageCaches,
  LIBRARY_URL,
  PACKAGE_URL,
} from "../../../../engine/backends/web_llm/package_cache.ts";
import { openPackage } from "../../../../engine/formats/mod.ts";
import { ModelInvalidError } from "../../../../engine/mod.ts";
import { createPackageFixture, writePackage } from "../../../support/mlc_package.ts";

async function openCache() {
  const fixture = createPackageFixture();
  const dir = await writePackage();
  const pkg = await openPackage(dir);
  const library = { bytes: Uint8Array.of(1, 2, 3) } as Library;
  const caches = createPackageCaches(pkg, library);
  return { dir, pkg, caches, fixture, cache: await caches.open("webllm/model") };
}

Deno.test("createPackageCaches() answers for the library", async () => {
  const { cache } = await openCache();
  const response = await cache.match(LIBRARY_URL);
  assert.deepEqual([...new Uint8Array(await response!.arrayBuffer())], [1, 2, 3]);
});

Deno.test("createPackageCaches() answers for each shard, by URL, Request and text", async () => {
  const { cache, pkg, fixture } = await openCache();
  for (const [i, { path }] of pkg.shards.entries()) {
    const url = new URL(`resolve/main/${basename(path)}`, PACKAGE_URL);
    for (const request of [url, url.href, new Request(url)]) {
      const response = await cache.match(request);
      assert.deepEqual(new Uint8Array(await response!.arrayBuffer()), fixture.shards[i]);
    }
  }
});

Deno.test("createPackageCaches() gives the index under both of its names, whichever is on disk", async () => {
  const { cache, dir } = await openCache();
  const ask = async (name: string) => (await cache.match(PACKAGE_URL + name))!.json();
  const index = await ask("tensor-cache.json");
  assert.deepEqual(await ask("ndarray-cache.json"), index);
  await Deno.rename(join(dir, "tensor-cache.json"), join(dir, "ndarray-cache.json"));
  assert.deepEqual(await ask("tensor-cache.json"), index);
  await Deno.remove(join(dir, "ndarray-cache.json"));
  await assert.rejects(ask("tensor-cache.json"), ModelInvalidError);
});

Deno.test("createPackageCaches() gives the package's configuration and a tokenizer of its own", async () => {
  const { cache, pkg } = await openCache();
  const config = await (await cache.match(`${PACKAGE_URL}mlc-chat-config.json`))!.json();
  assert.deepEqual(config, pkg.chatConfig);
  const tokenizer = await (await cache.match(`${PACKAGE_URL}tokenizer.json`))!.json();
  assert.equal(Object.keys(tokenizer.model.vocab).length, 2);
});

Deno.test("createPackageCaches() knows nothing else, and nothing outside the package", async () => {
  const { cache } = await openCache();
  for (
    const url of [
      `${PACKAGE_URL}absent.bin`,
      `${PACKAGE_URL}..%2F..%2Fetc%2Fpasswd`,
      "http://elsewhere.invalid/tokenizer.json",
    ]
  ) assert.equal(await cache.match(url), undefined);
});

Deno.test("createPackageCaches() refuses a shard whose bytes are not the index's", async () => {
  const { cache, pkg } = await openCache();
  const { path } = pkg.shards[0]!;
  const bytes = await Deno.readFile(path);
  bytes[0]! ^= 1;
  await Deno.writeFile(path, bytes);
  await assert.rejects(cache.match(PACKAGE_URL + basename(path)), (error: Error) => {
    assert.ok(error instanceof ModelInvalidError);
    assert.match(error.message, /its MD5 is not the index's .*; download the shard again/);
    return true;
  });
});

Deno.test("createPackageCaches() fetches nothing, stores nothing, and lists the shards", async () => {
  const { cache, caches, pkg } = await openCache();
  // Methods of browsers that Deno's types lack.
  const browser = cache as unknown as {
    add(url: string): Promise<void>;
    keys(): Promise<Request[]>;
  };
  await assert.rejects(browser.add(`${PACKAGE_URL}absent.bin`), /absent.bin is not part of/);
  await cache.put(`${PACKAGE_URL}absent.bin`, new Response("x"));
  assert.equal(await cache.match(`${PACKAGE_URL}absent.bin`), undefined);
  assert.deepEqual(
    (await browser.keys()).map(({ url }) => url),
    pkg.shards.map(({ path }) => PACKAGE_URL + basename(path)),
  );
  assert.equal(await caches.has("webllm/model"), true);
  assert.equal(await caches.delete("webllm/model"), false);
});
