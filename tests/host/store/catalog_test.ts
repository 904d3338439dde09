import assert from "node:assert/strict";
import {
  CATALOG,
  findCatalogEntry,
  findEntryOfDirectory,
  findEntryOfRepository,
} from "../../../engine/store/catalog.ts";
import { isModelName, isRepository } from "../../../engine/store/reference.ts";
import { PUBLISHED } from "../../../tools/catalog/published.ts";
import { renderCatalog } from "../../../tools/catalog/render.ts";

const TEXT = Deno.readTextFileSync(
  new URL("../../../engine/store/prebuilt.ts", import.meta.url),
);

Deno.test("prebuilt.ts is what the generator makes of the pinned web-llm", () => {
  assert.equal(renderCatalog(PUBLISHED), TEXT);
});

Deno.test("renderCatalog() is pinned to the version that deno.json pins", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)),
  );
  assert.equal(config.imports["@mlc-ai/web-llm"], `npm:@mlc-ai/web-llm@${PUBLISHED.version}`);
});

Deno.test("renderCatalog() refuses an entry of an unknown shape", () => {
  const [model] = PUBLISHED.models;
  const render = (change: object) => () =>
    renderCatalog({ ...PUBLISHED, models: [{ ...model!, ...change }] });
  assert.throws(render({ model: "https://example.org/a/b" }), /is not below https:\/\/huggingface/);
  assert.throws(render({ model_lib: "https://example.org/x.wasm" }), /is not below/);
  assert.throws(render({ model_type: 7 }), /unknown model_type 7/);
  assert.throws(render({ overrides: { a: "b" } }), /overrides\.a is no number/);
});

Deno.test("CATALOG holds every model of web-llm by its id, and our aliases", () => {
  for (const { model_id: id, model } of PUBLISHED.models) {
    const entry = findCatalogEntry(id)!;
    assert.equal(`https://huggingface.co/${entry.repository}`, model);
    assert.ok(entry.library!.endsWith(".wasm"));
    assert.ok(entry.memoryBytes! > 100 * 1024 * 1024);
  }
  const aliases = CATALOG.slice(0, -PUBLISHED.models.length);
  assert.deepEqual(aliases.map(({ id, repository }) => [id, repository]), [
    ["llama3-1B-chat", "mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC"],
    ["llama3-3B-chat", "mlc-ai/Llama-3.2-3B-Instruct-q4f16_1-MLC"],
    ["llama3-8B-chat", "mlc-ai/Llama-3.1-8B-Instruct-q4f16_1-MLC"],
    ["gemma3-12B", "mlc-ai/gemma-3-12b-it-q4f16_1-MLC"],
    ["gpt-oss-20B", null],
    ["qwen3-next-80B", null],
    ["voxtral-small-24B", null],
  ]);
});

Deno.test("CATALOG has ids, repositories and directories that a reference can name", () => {
  assert.equal(new Set(CATALOG.map(({ id }) => id)).size, CATALOG.length);
  for (const { id, repository, directory, modelType, quantization } of CATALOG) {
    assert.ok(isModelName(id) && !id.includes("/"), id);
    // `--` stands for the slash in the directory of any other repository.
    assert.ok(isModelName(directory) && !directory.includes("--"), directory);
    if (repository === null) continue;
    assert.ok(isRepository(repository), repository);
    assert.notEqual(modelType, null, `${id} has an architecture`);
    assert.notEqual(quantization, null, `${id} has a quantization`);
  }
});

Deno.test("CATALOG gives each repository one directory", () => {
  const directories = new Map<string, string>();
  for (const { repository, directory } of CATALOG) {
    if (repository === null) continue;
    assert.equal(directories.get(repository) ?? directory, directory, repository);
    directories.set(repository, directory);
  }
  assert.equal(new Set(directories.values()).size, directories.size);
  assert.equal(findCatalogEntry("Llama-3.2-1B-Instruct-q4f16_1-MLC")!.directory, "llama3-1B-chat");
  assert.equal(findCatalogEntry("phi-2-q4f16_1-MLC-1k")!.directory, "phi-2-q4f16_1-MLC");
});

Deno.test("CATALOG states what web-llm states", () => {
  const { library, memoryBytes, requiredFeatures, contextLength } = findCatalogEntry(
    "SmolLM2-360M-Instruct-q4f16_1-MLC",
  )!;
  assert.equal(library, "SmolLM2-360M-Instruct-q4f16_1_cs1k-webgpu.wasm");
  assert.equal(memoryBytes, Math.round(376.06 * 1024 * 1024));
  assert.deepEqual(requiredFeatures, ["shader-f16"]);
  assert.equal(contextLength, 4096);
  const embed = CATALOG.filter(({ task }) => task === "embed").map(({ id }) => id);
  assert.equal(embed.length, 4);
  assert.ok(embed.every((id) => id.startsWith("snowflake-arctic-embed-")));
});

Deno.test("CATALOG bounds the context length of second ids only", () => {
  assert.equal(findCatalogEntry("Llama-3.1-8B-Instruct-q4f16_1-MLC")!.maxContextLength, null);
  assert.equal(findCatalogEntry("Llama-3.1-8B-Instruct-q4f16_1-MLC-1k")!.maxContextLength, 1024);
});

Deno.test("CATALOG knows architectures by their names", () => {
  const types = {
    "Hermes-3-Llama-3.2-3B-q4f16_1-MLC": "llama",
    "Hermes-2-Pro-Mistral-7B-q4f16_1-MLC": "mistral",
    "DeepSeek-R1-Distill-Qwen-7B-q4f16_1-MLC": "qwen2",
    "DeepSeek-R1-Distill-Llama-8B-q4f16_1-MLC": "llama",
    "Qwen2.5-Coder-0.5B-Instruct-q4f16_1-MLC": "qwen2",
    "Qwen3-0.6B-q4f16_1-MLC": "qwen3",
    "Qwen3.5-0.8B-q4f16_1-MLC": "qwen3_5",
    "gemma-2b-it-q4f16_1-MLC": "gemma",
    "gemma-2-2b-it-q4f16_1-MLC": "gemma2",
    "gemma3-1b-it-q4f16_1-MLC": "gemma3_text",
    "gemma3-12B": "gemma3",
    "Phi-4-mini-instruct-q4f16_1-MLC": "phi3",
    "Phi-3.5-vision-instruct-q4f16_1-MLC": "phi3_v",
    "phi-2-q4f16_1-MLC": "phi",
  };
  for (const [id, modelType] of Object.entries(types)) {
    assert.equal(findCatalogEntry(id)!.modelType, modelType, id);
  }
});

Deno.test("findEntryOfRepository() prefers the alias, then the least memory", () => {
  const of = (repository: string) => findEntryOfRepository(repository)?.id;
  assert.equal(of("mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC"), "llama3-1B-chat");
  assert.equal(of("mlc-ai/phi-2-q4f16_1-MLC"), "phi-2-q4f16_1-MLC");
  assert.equal(
    of("mlc-ai/snowflake-arctic-embed-m-q0f32-MLC"),
    "snowflake-arctic-embed-m-q0f32-MLC-b4",
  );
  assert.equal(of("org/name"), undefined);
});

Deno.test("findEntryOfDirectory() knows ids and names of repositories", () => {
  const of = (name: string) => findEntryOfDirectory(name)?.repository;
  assert.equal(of("llama3-1B-chat"), "mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC");
  assert.equal(of("Qwen3-0.6B-q4f16_1-MLC"), "mlc-ai/Qwen3-0.6B-q4f16_1-MLC");
  assert.equal(
    of("snowflake-arctic-embed-m-q0f32-MLC"),
    "mlc-ai/snowflake-arctic-embed-m-q0f32-MLC",
  );
  assert.equal(of("ollm-tiny"), undefined);
});
