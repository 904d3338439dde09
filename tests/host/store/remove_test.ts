import assert from "node:assert/strict";
import { removeModel, resolveModel, type StoreOptions } from "../../../engine/store/mod.ts";
import { addDownload, addLibrary, makeStore } from "../../support/model_store.ts";
import { writePackage } from "../../support/mlc_package.ts";

const ALIAS = "llama3-1B-chat";
const REPOSITORY = "mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC";

async function remove(reference: string, options: StoreOptions): Promise<number> {
  return await removeModel(await resolveModel(reference, options), options);
}

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
}

Deno.test("removeModel() deletes a download with its library and counts their bytes", async () => {
  const options = await makeStore(["mine"]);
  const dir = await addDownload(options, { name: ALIAS, repository: REPOSITORY });
  let numBytes = 1000;
  for (const name of await names(dir)) numBytes += (await Deno.stat(`${dir}/${name}`)).size;
  await addLibrary((await resolveModel(ALIAS, options)).library!.path);
  assert.equal(await remove(ALIAS, options), numBytes);
  assert.deepEqual(await names(options.modelsDir), ["mine"]);
  assert.equal((await resolveModel(ALIAS, options)).materialized, false);
});

Deno.test("removeModel() keeps a library that another model uses, and the folder of others", async () => {
  const options = await makeStore();
  const other = "Hermes-3-Llama-3.2-3B-q4f16_1-MLC";
  await addDownload(options, {
    name: "llama3-3B-chat",
    repository: "mlc-ai/Llama-3.2-3B-Instruct-q4f16_1-MLC",
  });
  await addDownload(options, { name: other, repository: `mlc-ai/${other}` });
  const { library } = await resolveModel(other, options);
  assert.equal((await resolveModel("llama3-3B-chat", options)).library!.path, library!.path);
  await addLibrary(library!.path);
  await addLibrary(`${library!.path}-unknown`);
  await remove("llama3-3B-chat", options);
  assert.equal((await Deno.stat(library!.path)).size, 1000);
  await remove(other, options);
  assert.deepEqual(await names(`${options.modelsDir}/.libraries/v0_2_86-base`), [
    library!.path.split("/").at(-1)! + "-unknown",
  ]);
});

Deno.test("removeModel() deletes the libraries of all ids that share the weights", async () => {
  const options = await makeStore();
  await addDownload(options, {
    name: "snowflake-arctic-embed-s-q0f32-MLC",
    repository: "mlc-ai/snowflake-arctic-embed-s-q0f32-MLC",
    damage: ({ config }) => config.model_type = "bert",
  });
  for (const batch of ["b4", "b32"]) {
    const id = `snowflake-arctic-embed-s-q0f32-MLC-${batch}`;
    await addLibrary((await resolveModel(id, options)).library!.path);
  }
  await remove("snowflake-arctic-embed-s-q0f32-MLC-b4", options);
  assert.deepEqual(await names(options.modelsDir), []);
});

Deno.test("removeModel() deletes an unfinished download", async () => {
  const options = await makeStore();
  const dir = await addDownload(options, { name: "org--name", repository: "org/name" });
  await Deno.remove(`${dir}/.ollm.json`);
  await assert.rejects(
    remove("org/name", options),
    /may be a copy of your own; delete it yourself/,
  );
  await Deno.writeTextFile(`${dir}/params_shard_0.bin.part`, "x");
  await remove("org/name", options);
  assert.deepEqual(await names(options.modelsDir), []);
});

Deno.test("removeModel() deletes what a download left before its first file, but nothing while one goes on", async () => {
  const options = await makeStore();
  const dir = `${options.modelsDir}/org--name`;
  await Deno.mkdir(dir);
  {
    using lock = await Deno.open(`${dir}/.ollm.lock`, { create: true, read: true, write: true });
    await lock.lock(true);
    await assert.rejects(remove("org/name", options), /it is being downloaded; end that first$/);
  }
  await remove("org/name", options);
  assert.deepEqual(await names(options.modelsDir), []);
});

Deno.test("removeModel() deletes nothing but downloads", async () => {
  const options = await makeStore(["mine"]);
  const outside = await writePackage();
  const refusals: [reference: string, message: RegExp][] = [
    ["ollm-tiny", /^Cannot remove "ollm-tiny": it ships with the program$/],
    ["mine", /^Cannot remove "mine": it was not downloaded; delete \S+\/mine yourself$/],
    [outside, /it was not downloaded; delete .* yourself$/],
    [ALIAS, /^Cannot find model "llama3-1B-chat": nothing of it is on this machine$/],
    ["nope", /nothing of it is on this machine$/],
  ];
  for (const [reference, message] of refusals) {
    await assert.rejects(remove(reference, options), { message });
  }
  assert.deepEqual(await names(options.modelsDir), ["mine"]);
  assert.equal((await resolveModel(outside, options)).materialized, true);
});

Deno.test("removeModel() does not follow links", async () => {
  const [options, elsewhere] = [await makeStore(), await makeStore()];
  const other = await addDownload(elsewhere, { name: "org--name", repository: "org/name" });
  await Deno.symlink(other, `${options.modelsDir}/org--name`);
  await assert.rejects(remove("org/name", options), /it was not downloaded/);
  await Deno.remove(`${options.modelsDir}/org--name`);
  const dir = await addDownload(options, { name: "org--name", repository: "org/name" });
  await Deno.symlink(other, `${dir}/linked`);
  await remove("org/name", options);
  assert.ok((await names(other)).includes("params_shard_0.bin"));
});
