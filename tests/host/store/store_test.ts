import assert from "node:assert/strict";
import { resolveModel } from "../../../engine/store/mod.ts";
import { writePackage } from "../../support/mlc_package.ts";
import { makeStore } from "../../support/model_store.ts";
import { makeTestDir } from "../../support/test_dir.ts";

Deno.test("resolveModel() finds a built-in model by its alias", async () => {
  const options = await makeStore();
  const { createdAt, ...info } = await resolveModel("ollm-tiny", options);
  assert.deepEqual(info, {
    reference: "ollm-tiny",
    name: "ollm-tiny",
    sourceKind: "builtin",
    discoverySource: null,
    repository: null,
    revision: null,
    materialized: true,
    task: "generate",
    library: null,
    memoryBytes: null,
    requiredFeatures: [],
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
      repository: null,
      revision: null,
      materialized: false,
      task: "generate",
      library: null,
      memoryBytes: null,
      requiredFeatures: [],
      supportLevel: "unsupported",
      path: null,
      modelType: null,
      quantization: null,
      contextLength: null,
      createdAt: 0,
      message:
        "No built-in model, no alias, no directory in the models directory and no path has this name; " +
        'see "ollm models list", or give a hub repository as org/name; the command line also takes the path of an MLC package',
    });
  });
}

Deno.test("resolveModel() says what is wrong with a reference that nothing can have", async () => {
  const options = await makeStore();
  const messages = {
    "org/name@": /^After "@" a revision follows/,
    "hf:name": /^After "hf:" a hub repository follows/,
    "ollm-tiny@main": /^"ollm-tiny" ships with the program and has no revisions$/,
    "nope@main": /^Only hub repositories and their aliases have revisions/,
  };
  for (const [reference, message] of Object.entries(messages)) {
    const info = await resolveModel(reference, options);
    assert.equal(info.sourceKind, "opaque", reference);
    assert.match(info.message, message);
  }
});

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

Deno.test("resolveModel() names the files that a package lacks", async () => {
  const cases: [names: string[], message: RegExp][] = [
    [["params_shard_1.bin"], /: params_shard_1\.bin is missing; download the package again$/],
    [
      ["params_shard_0.bin", "params_shard_1.bin"],
      /: params_shard_0\.bin and params_shard_1\.bin are missing;/,
    ],
    [["tensor-cache.json"], /it has no tensor-cache\.json or ndarray-cache\.json/],
  ];
  for (const [names, message] of cases) {
    const options = await makeStore(["lacking"]);
    for (const name of names) await Deno.remove(`${options.modelsDir}/lacking/${name}`);
    const info = await resolveModel("lacking", options);
    assert.equal(info.materialized, false);
    assert.match(info.message, message);
  }
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
  assert.match(
    info.message,
    /"rwkv6" cannot be run by our own kernels: they know llama, .*; take a model of one of these$/,
  );
});

Deno.test("resolveModel() says which quantizations are supported", async () => {
  const options = await makeStore(["q3"], ({ config }) => config.quantization = "q3f16_1");
  const info = await resolveModel("q3", options);
  assert.equal(info.supportLevel, "unsupported");
  assert.match(
    info.message,
    /"q3f16_1" cannot be run by our own kernels: they know q4f16_1, q4f32_1, q0f16, q0f32; convert/,
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
