import assert from "node:assert/strict";
import { CATALOG } from "../../../engine/store/catalog.ts";
import { listModels, resolveModel } from "../../../engine/store/mod.ts";
import type { ModelInfo } from "../../../engine/types.ts";
import { addDownload, makeStore } from "../../support/model_store.ts";

/** Without what is only known by name. */
function withoutAbsent(models: ModelInfo[]): ModelInfo[] {
  return models.filter(({ sourceKind, materialized }) =>
    sourceKind !== "hugging-face" || materialized
  );
}

const REPOSITORY = "mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC";

Deno.test("listModels() lists built-in models, the catalog and directories, each once, in order", async () => {
  const options = await makeStore(["zeta", "alpha", ".hidden", "ollm-tiny"]);
  await Deno.writeTextFile(`${options.modelsDir}/README.md`, "not a model");
  await Deno.mkdir(`${options.modelsDir}/empty`);
  const models = await listModels(options);
  assert.deepEqual(
    withoutAbsent(models).map((
      m,
    ) => [m.sourceKind, m.discoverySource, m.reference, m.materialized]),
    [
      ["builtin", "built-in", "ollm-tiny", true],
      ["local-path", "discovered-local", "alpha", true],
      ["local-path", "discovered-local", "empty", false],
      ["local-path", "discovered-local", "zeta", true],
    ],
  );
  const hub = models.filter(({ sourceKind }) => sourceKind === "hugging-face");
  assert.deepEqual(hub.map(({ reference }) => reference), CATALOG.map(({ id }) => id).toSorted());
  assert.ok(hub.every((m) => m.discoverySource === "built-in" && !m.materialized));
  assert.equal(models[1]!.sourceKind, "hugging-face");
});

Deno.test("listModels() refers to a directory without a legal name by its path", async () => {
  const options = await makeStore(["my model"]);
  const model = (await listModels(options)).at(-1)!;
  assert.equal(model.reference, `${options.modelsDir}/my model`);
  assert.equal((await resolveModel(model.reference, options)).supportLevel, "optimized");
});

Deno.test("listModels() lists the built-in models when there is no models directory", async () => {
  const options = { ...await makeStore(), modelsDir: "/nonexistent/models" };
  assert.deepEqual(withoutAbsent(await listModels(options)).map((m) => m.reference), ["ollm-tiny"]);
});

Deno.test("listModels() works where the models directory is the program's own", async () => {
  const { builtinDir } = await makeStore();
  const models = await listModels({ modelsDir: builtinDir, builtinDir });
  assert.deepEqual(withoutAbsent(models).map((m) => m.reference), ["ollm-tiny"]);
});

Deno.test("listModels() lists a download under each of its aliases, and not as a directory", async () => {
  const options = await makeStore();
  await addDownload(options, { name: "llama3-1B-chat", repository: REPOSITORY });
  const models = withoutAbsent(await listModels(options));
  assert.deepEqual(models.map((m) => [m.reference, m.discoverySource]), [
    ["ollm-tiny", "built-in"],
    ["Llama-3.2-1B-Instruct-q4f16_1-MLC", "built-in"],
    ["llama3-1B-chat", "built-in"],
  ]);
});

Deno.test("listModels() lists other downloads by their repository and revision", async () => {
  const options = await makeStore();
  await addDownload(options, { name: "org--name", repository: "org/name" });
  await addDownload(options, { name: "org--name--v2", repository: "org/name", revision: "v2" });
  await addDownload(options, { name: "org--name--main", repository: "org/name" });
  // Copied there by hand: what it says of itself does not make the place its own.
  await addDownload(options, { name: "copy", repository: "org/name" });
  const models = withoutAbsent(await listModels(options)).slice(1);
  assert.deepEqual(models.map((m) => [m.sourceKind, m.reference, m.repository, m.revision]), [
    ["hugging-face", "org/name", "org/name", null],
    ["hugging-face", "org/name@main", "org/name", "main"],
    ["hugging-face", "org/name@v2", "org/name", "v2"],
    ["local-path", "copy", null, null],
  ]);
  assert.ok(models.every((m) => m.discoverySource === "discovered-local"));
});

Deno.test("listModels() shows what it would resolve", async () => {
  const options = await makeStore(["mine", "Llama-3.2-1B-Instruct-q4f16_1-MLC"]);
  await addDownload(options, { name: "org--name", repository: "org/name" });
  for (const model of await listModels(options)) {
    const resolved = await resolveModel(model.reference, options);
    assert.deepEqual({ ...model, discoverySource: null }, resolved, model.reference);
  }
});
