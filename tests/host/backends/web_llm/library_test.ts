import assert from "node:assert/strict";
import { join } from "node:path";
import { readLibrary } from "../../../../engine/backends/web_llm/library.ts";
import { ModelInvalidError } from "../../../../engine/mod.ts";
import { makeTestDir } from "../../../support/test_dir.ts";
import { writeWasm } from "../../../support/wasm_module.ts";

/** As the compiler writes it: `model_type` first. */
const METADATA = {
  model_type: "qwen2",
  quantization: "q4f16_1",
  prefill_chunk_size: 1024,
  max_batch_size: 80,
  params: [{ name: "w", shape: ["vocab_size", 112], dtype: "uint32", preprocs: [] }],
  kv_cache: { num_hidden_layers: 24, num_key_value_heads: 2, head_dim: 64 },
  memory_usage: { decode: 4096, prefill: 8192 },
};

const without = (name: string) => JSON.stringify({ ...METADATA, [name]: undefined });
const having = (changes: Record<string, unknown>) => JSON.stringify({ ...METADATA, ...changes });

async function writeLibrary(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const path = join(makeTestDir(), "library.wasm");
  await Deno.writeFile(path, bytes);
  return path;
}

function library(metadata: string, exports = ["TVMFFIFunctionCall"]): Uint8Array<ArrayBuffer> {
  return writeWasm({ exports, data: `\0some {"text": {}}\0${metadata}\0more }\0` });
}

for (const [name, abi] of [["TVMFFIFunctionCall", "ffi"], ["TVMFuncCall", "packed"]] as const) {
  Deno.test(`readLibrary() reads what a library of the ${abi} convention says of itself`, async () => {
    const bytes = library(JSON.stringify(METADATA), [name]);
    const path = await writeLibrary(bytes);
    const { params, ...info } = await readLibrary(path);
    assert.deepEqual(info, {
      path,
      bytes,
      abi,
      modelType: "qwen2",
      quantization: "q4f16_1",
      prefillChunkSize: 1024,
      maxBatchSize: 80,
      kv: { numLayers: 24, numKeyValueHeads: 2, headDim: 64 },
      memoryUsage: { decode: 4096, prefill: 8192 },
    });
    assert.equal(params[0]!.name, "w");
    assert.deepEqual(params[0]!.shape, ["vocab_size", 112]);
  });
}

Deno.test("readLibrary() knows an embedding model by its missing KV cache", async () => {
  for (const metadata of [without("kv_cache"), having({ kv_cache: null })]) {
    const { kv } = await readLibrary(await writeLibrary(library(metadata)));
    assert.equal(kv, null);
  }
});

Deno.test("readLibrary() refuses a file that is not there, and a folder", async () => {
  const dir = makeTestDir();
  for (const path of [dir, join(dir, "absent.wasm")]) {
    await assert.rejects(readLibrary(path), (error: Error) => {
      assert.ok(error instanceof ModelInvalidError);
      assert.match(error.message, /the file is not there/);
      return error.message.includes(path);
    });
  }
});

Deno.test("readLibrary() reads no file larger than any library", async () => {
  const path = await writeLibrary(new Uint8Array());
  await Deno.truncate(path, 256 * 1024 * 1024 + 1);
  await assert.rejects(readLibrary(path), /has 268435457 bytes, at most 268435456 are read/);
});

for (
  const [what, bytes, message] of [
    ["that is no WebAssembly", new TextEncoder().encode("<html>"), /no WebAssembly module/],
    ["that is cut off", library(JSON.stringify(METADATA)).slice(0, -9), /no WebAssembly module/],
    [
      "of something else",
      library(JSON.stringify(METADATA), ["main"]),
      /none of TVM's entry points/,
    ],
    ["without metadata", library(""), /no model metadata/],
    ["with metadata that is not JSON", library('{"model_type": qwen2}'), /metadata is not JSON/],
    ["with metadata without an end", library('{"model_type": "qwen2"'), /metadata is not JSON/],
    ["without a quantization", library(without("quantization")), /has no quantization/],
    ["with a number as its type", library(having({ model_type: 7 })), /has no model_type/],
    ["without a batch size", library(without("max_batch_size")), /max_batch_size .* undefined/],
    ["with a batch of 0", library(having({ max_batch_size: 0 })), /is 0, not a positive number/],
    [
      "with half a token",
      library(having({ prefill_chunk_size: 0.5 })),
      /prefill_chunk_size .* is 0.5/,
    ],
    ["with an empty KV cache", library(having({ kv_cache: {} })), /num_hidden_layers .* undefined/],
    ["with a KV cache that is a text", library(having({ kv_cache: "x" })), /num_hidden_layers/],
    ["of a hybrid model", library(having({ kv_state_kind: "hybrid" })), /of the kind "hybrid"/],
    ["without parameters", library(without("params")), /lists no parameters/],
    ["with a parameter of null", library(having({ params: [null] })), /lists no parameters/],
    [
      "with a parameter without a shape",
      library(having({ params: [{ name: "w", dtype: "float16" }] })),
      /lists no parameters/,
    ],
    [
      "with a parameter of a wrong shape",
      library(having({ params: [{ name: "w", dtype: "float16", shape: [[1]] }] })),
      /lists no parameters/,
    ],
  ] as const
) {
  Deno.test(`readLibrary() refuses a library ${what}`, async () => {
    const path = await writeLibrary(bytes);
    await assert.rejects(readLibrary(path), (error: Error) => {
      assert.ok(error instanceof ModelInvalidError, String(error));
      assert.match(error.message, /^Cannot use the model library "/);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("readLibrary() counts no memory that is no number", async () => {
  const bytes = library(having({ memory_usage: { decode: "much", prefill: 8 } }));
  const { memoryUsage } = await readLibrary(await writeLibrary(bytes));
  assert.deepEqual(memoryUsage, { prefill: 8 });
});
