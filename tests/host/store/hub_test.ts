import assert from "node:assert/strict";
import { resolveModel } from "../../../engine/store/mod.ts";
import { addDownload, addLibrary, makeStore } from "../../support/model_store.ts";

const ALIAS = "llama3-1B-chat";
const ID = "Llama-3.2-1B-Instruct-q4f16_1-MLC";
const REPOSITORY = `mlc-ai/${ID}`;

Deno.test("resolveModel() knows an alias before it is on disk", async () => {
  const options = await makeStore();
  assert.deepEqual(await resolveModel(ALIAS, options), {
    reference: ALIAS,
    name: ALIAS,
    sourceKind: "hugging-face",
    discoverySource: null,
    repository: REPOSITORY,
    revision: null,
    materialized: false,
    task: "generate",
    library: {
      path:
        `${options.modelsDir}/.libraries/v0_2_86-base/Llama-3.2-1B-Instruct-q4f16_1_cs1k-webgpu.wasm`,
      url: "https://raw.githubusercontent.com/mlc-ai/binary-mlc-llm-libs/main/web-llm-models/" +
        "v0_2_86/base/Llama-3.2-1B-Instruct-q4f16_1_cs1k-webgpu.wasm",
    },
    memoryBytes: 921_740_247,
    requiredFeatures: [],
    supportLevel: "optimized",
    path: `${options.modelsDir}/${ALIAS}`,
    modelType: "llama",
    quantization: "q4f16_1",
    contextLength: 4096,
    createdAt: 0,
    message: `Not on this machine: run "ollm models download ${ALIAS}"`,
  });
});

Deno.test("resolveModel() finds a repository's directory, revision and alias", async () => {
  const options = await makeStore();
  const cases: [reference: string, name: string, directory: string, revision: string | null][] = [
    [REPOSITORY, ALIAS, ALIAS, null],
    [`hf:${REPOSITORY}`, ALIAS, ALIAS, null],
    [`hf://${REPOSITORY}`, ALIAS, ALIAS, null],
    [ID, ID, ALIAS, null],
    [`${ALIAS}@v1`, ALIAS, ALIAS, "v1"],
    [`${REPOSITORY}@v1`, ALIAS, `mlc-ai--${ID}--v1`, "v1"],
    ["org/name", "org/name", "org--name", null],
    ["org/name@v1.0", "org/name", "org--name--v1.0", "v1.0"],
    ["hf:org/name@main", "org/name", "org--name--main", "main"],
  ];
  for (const [reference, name, directory, revision] of cases) {
    const info = await resolveModel(reference, options);
    assert.equal(info.sourceKind, "hugging-face", reference);
    assert.equal(info.reference, reference);
    assert.equal(info.name, name, reference);
    assert.equal(info.path, `${options.modelsDir}/${directory}`, reference);
    assert.equal(info.revision, revision, reference);
    assert.match(info.message, new RegExp(`run "ollm models download ${reference}"$`));
  }
});

Deno.test("resolveModel() does not judge a repository that it does not know", async () => {
  const info = await resolveModel("org/name", await makeStore());
  assert.equal(info.supportLevel, "unsupported");
  assert.equal(info.repository, "org/name");
  assert.equal(info.library, null);
  assert.match(info.message, /^Not on this machine, and unknown until it is: run/);
});

Deno.test("resolveModel() says which models only a compiled library can run", async () => {
  const options = await makeStore();
  const levels = {
    "Qwen3-0.6B-q4f16_1-MLC": "optimized",
    "gemma3-12B": "optimized",
    "Llama-3.1-70B-Instruct-q3f16_1-MLC": "generic",
    "RedPajama-INCITE-Chat-3B-v1-q4f16_1-MLC": "generic",
    "snowflake-arctic-embed-s-q0f32-MLC-b4": "generic",
  };
  for (const [id, level] of Object.entries(levels)) {
    assert.equal((await resolveModel(id, options)).supportLevel, level, id);
  }
  assert.equal((await resolveModel("gemma3-12B", options)).library, null);
  const embed = await resolveModel("snowflake-arctic-embed-s-q0f32-MLC-b4", options);
  assert.equal(embed.task, "embed");
});

Deno.test("resolveModel() says why an alias without a package cannot run", async () => {
  const options = await makeStore();
  const info = await resolveModel("gpt-oss-20B", options);
  assert.equal(info.sourceKind, "hugging-face");
  assert.equal(info.repository, null);
  assert.equal(info.supportLevel, "unsupported");
  assert.match(info.message, /^Nobody publishes openai\/gpt-oss-20b as an MLC package/);
});

Deno.test("resolveModel() runs a package of the user's own under an alias without one", async () => {
  const info = await resolveModel("voxtral-small-24B", await makeStore(["voxtral-small-24B"]));
  assert.equal(info.sourceKind, "local-path");
  assert.equal(info.supportLevel, "optimized");
});

Deno.test("resolveModel() inspects a finished download", async () => {
  const options = await makeStore();
  const dir = await addDownload(options, { name: ALIAS, repository: REPOSITORY });
  for (const reference of [ALIAS, ID, REPOSITORY, `hf:${REPOSITORY}`, `${ALIAS}@main`]) {
    const info = await resolveModel(reference, options);
    assert.equal(info.materialized, true, reference);
    assert.equal(info.sourceKind, "hugging-face");
    assert.equal(info.supportLevel, "optimized");
    assert.equal(info.path, dir);
    // The package's own word, not the catalog's.
    assert.equal(info.contextLength, 256);
    assert.equal(info.message, "Runs on the wgsl backend: llama in q4f16_1");
    assert.ok(info.createdAt > 0);
  }
});

Deno.test("resolveModel() names a download that no alias has by its directory", async () => {
  const options = await makeStore();
  await addDownload(options, { name: "org--name--v1", repository: "org/name", revision: "v1" });
  const info = await resolveModel("org/name@v1", options);
  assert.equal(info.name, "org--name--v1");
  assert.equal(info.materialized, true);
  assert.equal(info.repository, "org/name");
  assert.equal(info.revision, "v1");
});

Deno.test("resolveModel() shortens the context where the id stands for that", async () => {
  const options = await makeStore();
  await addDownload(options, {
    name: "phi-2-q4f16_1-MLC",
    repository: "mlc-ai/phi-2-q4f16_1-MLC",
    damage: ({ config }) => config.context_window_size = 2048,
  });
  assert.equal((await resolveModel("phi-2-q4f16_1-MLC", options)).contextLength, 2048);
  assert.equal((await resolveModel("phi-2-q4f16_1-MLC-1k", options)).contextLength, 1024);
});

Deno.test("resolveModel() calls a download without its mark unfinished, parts or not", async () => {
  const options = await makeStore();
  const dir = await addDownload(options, { name: ALIAS, repository: REPOSITORY });
  await Deno.remove(`${dir}/.ollm.json`);
  const unmarked = await resolveModel(ALIAS, options);
  assert.equal(unmarked.materialized, false);
  assert.match(unmarked.message, /has no \.ollm\.json: its download did not end, or it is a copy/);
  await Deno.writeTextFile(`${dir}/params_shard_7.bin.part`, "");
  const cut = await resolveModel(ALIAS, options);
  assert.equal(cut.materialized, false);
  assert.equal(cut.supportLevel, "optimized");
  assert.equal(
    cut.message,
    `The download did not end: run "ollm models download ${ALIAS}" to go on with it`,
  );
});

Deno.test("resolveModel() uses a complete model while a forced download gathers parts", async () => {
  const options = await makeStore();
  const dir = await addDownload(options, { name: ALIAS, repository: REPOSITORY });
  await Deno.writeTextFile(`${dir}/params_shard_0.bin.part`, "");
  assert.equal((await resolveModel(ALIAS, options)).materialized, true);
});

Deno.test("resolveModel() names the files that a download has lost", async () => {
  const options = await makeStore();
  const dir = await addDownload(options, { name: ALIAS, repository: REPOSITORY });
  await Deno.writeTextFile(`${dir}/tokenizer.json`, "{}");
  await Deno.remove(`${dir}/params_shard_0.bin`);
  const info = await resolveModel(ALIAS, options);
  assert.equal(info.materialized, false);
  assert.match(
    info.message,
    /^The download is damaged: params_shard_0\.bin is missing, tokenizer\.json has 2 of \d+ bytes; run/,
  );
});

Deno.test("resolveModel() does not take one revision or repository for another", async () => {
  const options = await makeStore();
  await addDownload(options, { name: ALIAS, repository: REPOSITORY, revision: "v1" });
  assert.equal((await resolveModel(`${ALIAS}@v1`, options)).materialized, true);
  const main = await resolveModel(ALIAS, options);
  assert.equal(main.materialized, false);
  assert.match(main.message, /holds mlc-ai\/\S+@v1, not mlc-ai\/\S+@main: run/);
  await addDownload(options, { name: "org--name", repository: "other/name" });
  const other = await resolveModel("org/name", options);
  assert.match(other.message, /holds other\/name@main, not org\/name@main/);
});

Deno.test("resolveModel() does not follow a hub directory out of the models directory", async () => {
  const [options, elsewhere] = [await makeStore(), await makeStore()];
  const dir = await addDownload(elsewhere, { name: ALIAS, repository: REPOSITORY });
  await Deno.symlink(dir, `${options.modelsDir}/${ALIAS}`);
  const info = await resolveModel(ALIAS, options);
  assert.equal(info.materialized, false);
  assert.match(info.message, /is a link out of the models directory/);
});

Deno.test("resolveModel() needs the library of a model that only a library can run", async () => {
  const options = await makeStore();
  await addDownload(options, {
    name: "OLMo-2-0425-1B-Instruct-q4f16_1-MLC",
    repository: "mlc-ai/OLMo-2-0425-1B-Instruct-q4f16_1-MLC",
    damage: ({ config }) => config.model_type = "olmo2",
  });
  const reference = "OLMo-2-0425-1B-Instruct-q4f16_1-MLC";
  const without = await resolveModel(reference, options);
  assert.equal(without.materialized, false);
  assert.equal(without.supportLevel, "generic");
  assert.match(
    without.message,
    /^The weights are here, the compiled library OLMo-2-\S+ is not: run/,
  );
  await addLibrary(without.library!.path);
  const complete = await resolveModel(reference, options);
  assert.equal(complete.materialized, true);
  assert.equal(complete.supportLevel, "generic");
  assert.match(complete.message, /^Runs on the web-llm backend, with OLMo-2-\S+\.wasm: the archi/);
});

Deno.test("resolveModel() finds the library of a local package: beside it, else by its name", async () => {
  const options = await makeStore([ID, "mine"]);
  const byName = await resolveModel(`${options.modelsDir}/${ID}`, options);
  assert.equal(byName.repository, null);
  assert.match(byName.library!.url!, /Llama-3\.2-1B-Instruct-q4f16_1_cs1k-webgpu\.wasm$/);
  assert.equal((await resolveModel("mine", options)).library, null);
  await Deno.writeFile(`${options.modelsDir}/mine/own.wasm`, new Uint8Array(8));
  assert.deepEqual((await resolveModel("mine", options)).library, {
    path: `${options.modelsDir}/mine/own.wasm`,
    url: null,
  });
  await Deno.writeFile(`${options.modelsDir}/mine/second.wasm`, new Uint8Array(8));
  assert.equal((await resolveModel("mine", options)).library, null);
});

Deno.test("resolveModel() runs a package of an unknown kind with the library beside it", async () => {
  const options = await makeStore(["mine"], ({ config }) => config.model_type = "bert");
  const without = await resolveModel("mine", options);
  assert.equal(without.supportLevel, "unsupported");
  assert.equal(without.task, "embed");
  await Deno.writeFile(`${options.modelsDir}/mine/own.wasm`, new Uint8Array(8));
  const info = await resolveModel("mine", options);
  assert.equal(info.supportLevel, "generic");
  assert.match(info.message, /^Runs on the web-llm backend, with own\.wasm: the embedding archit/);
  await Deno.truncate(`${options.modelsDir}/mine/params_shard_1.bin`, 3);
  const cut = await resolveModel("mine", options);
  assert.equal(cut.materialized, false);
  assert.match(cut.message, /params_shard_1\.bin": it has 3 bytes, the index says 12/);
});

Deno.test("resolveModel() prefers a copy of the user's own to a download that is not there", async () => {
  const options = await makeStore([ID, "org/name"]);
  for (const reference of [ID, "org/name"]) {
    const info = await resolveModel(reference, options);
    assert.equal(info.sourceKind, "local-path", reference);
    assert.equal(info.path, `${options.modelsDir}/${reference}`);
    assert.equal(info.materialized, true);
  }
  // The scheme leaves no choice, and a finished download wins.
  assert.equal((await resolveModel("hf:org/name", options)).materialized, false);
  await addDownload(options, { name: ALIAS, repository: REPOSITORY });
  assert.equal((await resolveModel(ID, options)).path, `${options.modelsDir}/${ALIAS}`);
});
