import assert from "node:assert/strict";
import { listModels, resolveModel, type StoreOptions } from "../../../engine/store/mod.ts";
import { type PackageFixture, writePackage, writePackageInto } from "../../support/mlc_package.ts";
import { makeTestDir } from "../../support/test_dir.ts";

/** A models directory and a directory of built-in models, both with packages. */
async function makeStore(
  names: readonly string[] = [],
  damage?: (fixture: PackageFixture) => void,
): Promise<StoreOptions> {
  const [modelsDir, builtinDir] = [makeTestDir(), makeTestDir()];
  await Deno.mkdir(`${builtinDir}/ollm-tiny`);
  await writePackageInto(`${builtinDir}/ollm-tiny`);
  for (const name of names) {
    await Deno.mkdir(`${modelsDir}/${name}`, { recursive: true });
    await writePackageInto(`${modelsDir}/${name}`, damage);
  }
  return { modelsDir, builtinDir };
}

Deno.test("resolveModel() finds a built-in model by its alias", async () => {
  const options = await makeStore();
  const { createdAt, ...info } = await resolveModel("ollm-tiny", options);
  assert.deepEqual(info, {
    reference: "ollm-tiny",
    name: "ollm-tiny",
    sourceKind: "builtin",
    discoverySource: null,
    materialized: true,
    supportLevel: "optimized",
    path: `${options.builtinDir}/ollm-tiny`,
    modelType: "llama",
    quantization: "q4f16_1",
    contextLength: 256,
    message: "Runs on the wgsl backend: llama in q4f16_1",
  });
  assert.ok(Math.abs(createdAt - Date.now() / 1000) < 600);
});

Deno.test("resolveModel() finds a directory below the models directory", async () => {
  const options = await makeStore(["my.model-1", "org/name"]);
  for (const reference of ["my.model-1", "org/name", "  my.model-1 \n"]) {
    const info = await resolveModel(reference, options);
    assert.equal(info.sourceKind, "local-path");
    assert.equal(info.supportLevel, "optimized");
    assert.equal(info.reference, reference.trim());
    assert.equal(info.path, `${options.modelsDir}/${reference.trim()}`);
  }
});

Deno.test("resolveModel() finds a path in every spelling", async () => {
  const dir = await writePackage();
  const options = await makeStore();
  for (
    const reference of [
      dir,
      `path:${dir}`,
      `path://${dir}`,
      `PATH:${dir}`,
      `${dir}/../${dir.split("/").at(-1)}`,
    ]
  ) {
    const info = await resolveModel(reference, options);
    assert.equal(info.sourceKind, "local-path", reference);
    assert.equal(info.path, dir, reference);
    assert.equal(info.name, dir.split("/").at(-1));
    assert.equal(info.supportLevel, "optimized", reference);
  }
});

Deno.test("resolveModel() lets an alias hide a directory of that name", async () => {
  const options = await makeStore(["ollm-tiny"]);
  const info = await resolveModel("ollm-tiny", options);
  assert.equal(info.path, `${options.builtinDir}/ollm-tiny`);
});

const OPAQUE = [
  "",
  "   ",
  "nope",
  "Ollm-Tiny",
  "qwen3.5:9b-bf16",
  "foo://bar",
  "hf:org/name",
  "ollm-tiny@main",
  "a/b/c",
  "a/../b",
  "a..b",
  "a/..",
  "models/../../etc",
  "a\\b",
  "%2e%2e/etc",
  "a%2fb",
  "a\0b",
  "/etc\0/x",
  "path:",
  "path://",
  "-model",
  ".hidden",
  "a b",
  "a\nb",
  "modèle",
  "x".repeat(97),
  "org/" + "x".repeat(97),
  "__proto__",
];

for (const reference of OPAQUE) {
  Deno.test(`resolveModel() finds nothing behind ${JSON.stringify(reference.slice(0, 30))}`, async () => {
    const info = await resolveModel(reference, await makeStore());
    assert.deepEqual(info, {
      reference: reference.trim(),
      name: reference.trim(),
      sourceKind: "opaque",
      discoverySource: null,
      materialized: false,
      supportLevel: "unsupported",
      path: null,
      modelType: null,
      quantization: null,
      contextLength: null,
      createdAt: 0,
      message:
        "No built-in model, no directory in the models directory and no path has this name; " +
        "use ollm-tiny or give the path of an MLC package",
    });
  });
}

Deno.test("resolveModel() says that a path does not exist", async () => {
  const info = await resolveModel("./no/such/model", await makeStore());
  assert.equal(info.sourceKind, "local-path");
  assert.equal(info.materialized, false);
  assert.match(info.message, /The directory does not exist; give the directory of an MLC package/);
});

Deno.test("resolveModel() says what a directory without a package lacks", async () => {
  const dir = makeTestDir();
  const info = await resolveModel(dir, await makeStore());
  assert.equal(info.materialized, false);
  assert.equal(info.supportLevel, "unsupported");
  assert.match(info.message, /it has no mlc-chat-config\.json/);
});

Deno.test("resolveModel() says that a path is a file", async () => {
  const path = `${await writePackage()}/tokenizer.json`;
  const info = await resolveModel(path, await makeStore());
  assert.equal(info.materialized, false);
  assert.match(info.message, /The directory cannot be read: /);
});

Deno.test("resolveModel() calls a package with a cut shard incomplete", async () => {
  const options = await makeStore(["cut"], ({ shards }) => shards[0] = shards[0]!.slice(1));
  const info = await resolveModel("cut", options);
  assert.equal(info.materialized, false);
  assert.equal(info.supportLevel, "unsupported");
  assert.equal(info.modelType, "llama");
  assert.match(info.message, /params_shard_0\.bin": it has 25 bytes, the index says 26/);
});

Deno.test("resolveModel() calls a package without tokenizer incomplete", async () => {
  const options = await makeStore(["mute"], ({ files }) => delete files["tokenizer.json"]);
  const info = await resolveModel("mute", options);
  assert.equal(info.materialized, false);
  assert.match(info.message, /it has no tokenizer\.json/);
});

Deno.test("resolveModel() says which architectures are supported", async () => {
  const options = await makeStore(["rwkv"], ({ config }) => config.model_type = "rwkv6");
  const info = await resolveModel("rwkv", options);
  assert.equal(info.supportLevel, "unsupported");
  assert.equal(info.materialized, true);
  assert.match(info.message, /"rwkv6" cannot be run: supported are llama, .*; take a model of one/);
});

Deno.test("resolveModel() says which quantizations are supported", async () => {
  const options = await makeStore(["q3"], ({ config }) => config.quantization = "q3f16_1");
  const info = await resolveModel("q3", options);
  assert.equal(info.supportLevel, "unsupported");
  assert.match(
    info.message,
    /"q3f16_1" cannot be run: supported are q4f16_1, q4f32_1, q0f16, q0f32/,
  );
});

Deno.test("resolveModel() does not follow a link out of the models directory", async () => {
  const options = await makeStore();
  const outside = await writePackage();
  await Deno.symlink(outside, `${options.modelsDir}/linked`);
  const info = await resolveModel("linked", options);
  assert.equal(info.supportLevel, "unsupported");
  assert.equal(info.materialized, false);
  assert.match(info.message, /link out of the models directory/);
  // The same directory by its path is the user's own choice.
  assert.equal((await resolveModel(outside, options)).supportLevel, "optimized");
});

Deno.test("resolveModel() follows a link within the models directory", async () => {
  const options = await makeStore(["real"]);
  await Deno.symlink(`${options.modelsDir}/real`, `${options.modelsDir}/linked`);
  assert.equal((await resolveModel("linked", options)).supportLevel, "optimized");
});

Deno.test("listModels() lists built-in models and directories, each once, in order", async () => {
  const options = await makeStore(["zeta", "alpha", ".hidden", "ollm-tiny"]);
  await Deno.writeTextFile(`${options.modelsDir}/README.md`, "not a model");
  await Deno.mkdir(`${options.modelsDir}/empty`);
  const models = await listModels(options);
  assert.deepEqual(
    models.map((m) => [m.sourceKind, m.discoverySource, m.reference, m.materialized]),
    [
      ["builtin", "built-in", "ollm-tiny", true],
      ["local-path", "discovered-local", "alpha", true],
      ["local-path", "discovered-local", "empty", false],
      ["local-path", "discovered-local", "zeta", true],
    ],
  );
});

Deno.test("listModels() refers to a directory without a legal name by its path", async () => {
  const options = await makeStore(["my model"]);
  const models = await listModels(options);
  assert.equal(models[1]!.reference, `${options.modelsDir}/my model`);
  assert.equal((await resolveModel(models[1]!.reference, options)).supportLevel, "optimized");
});

Deno.test("listModels() lists the built-in models when there is no models directory", async () => {
  const options = { ...await makeStore(), modelsDir: "/nonexistent/models" };
  assert.deepEqual((await listModels(options)).map((m) => m.reference), ["ollm-tiny"]);
});

Deno.test("listModels() works where the models directory is the program's own", async () => {
  const { builtinDir } = await makeStore();
  const models = await listModels({ modelsDir: builtinDir, builtinDir });
  assert.deepEqual(models.map((m) => m.reference), ["ollm-tiny"]);
});

Deno.test("resolveModel() runs in a worker", async () => {
  const options = await makeStore();
  const door = import.meta.resolve("../../../engine/store/mod.ts");
  const source = `import { resolveModel } from ${JSON.stringify(door)};
    onmessage = async ({ data }) => postMessage(await resolveModel("ollm-tiny", data));`;
  const worker = new Worker(`data:text/typescript,${encodeURIComponent(source)}`, {
    type: "module",
  });
  const info = await new Promise<{ supportLevel: string }>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(options);
  });
  worker.terminate();
  assert.equal(info.supportLevel, "optimized");
});
