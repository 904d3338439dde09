import assert from "node:assert/strict";
import { ModelFiles } from "../../../engine/runtime/model_files.ts";
import { startLocalHub } from "../../support/local_hub.ts";
import { createPackageFixture, writePackage } from "../../support/mlc_package.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const MODEL = "llama3-1B-chat";
const REPOSITORY = "mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC";

function isLibrary({ path }: { path: string }): boolean {
  return path.endsWith(".wasm");
}

Deno.test("ModelFiles.provide() fetches a model's library when the library is to run it, not before", async () => {
  const dir = await writePackage((fixture) => Object.assign(fixture, createPackageFixture()));
  const library = `${makeTestDir()}/library.wasm`;
  await Deno.writeFile(library, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const modelsDir = makeTestDir();
  await using hub = startLocalHub({
    packages: { [REPOSITORY]: dir },
    libraries: { "v0_2_86/base/Llama-3.2-1B-Instruct-q4f16_1_cs1k-webgpu.wasm": library },
  });
  const files = new ModelFiles({
    store: { modelsDir, builtinDir: makeTestDir() },
    hub: { endpoint: hub.endpoint, libraryEndpoint: hub.libraryEndpoint },
    forceDownload: false,
  });
  const info = await files.provide(MODEL, { task: "generate" });
  assert.equal(info.materialized, true);
  assert.deepEqual(hub.requests.filter(isLibrary), []);
  const again = await files.provide(MODEL, { task: "generate", backend: "web-llm" });
  assert.equal(hub.requests.filter(isLibrary).length, 1);
  assert.equal((await Deno.stat(again.library!.path)).size, 8);
  await files.provide(MODEL, { task: "generate", backend: "web-llm" });
  assert.equal(hub.requests.filter(isLibrary).length, 1);
});
