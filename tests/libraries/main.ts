/**
 * Runs the tests that need compiled model libraries, which are not part of this repository:
 *
 *     OLLM_LIBRARIES=/path/to/folder/with/wasm deno task test:libraries
 *
 * @module
 */
import { basename } from "node:path";
import { findLibraries } from "./libraries.ts";

const HOW =
  `These tests need compiled model libraries: set OLLM_LIBRARIES to a folder of .wasm files.
They are in the public repository mlc-ai/binary-mlc-llm-libs, for example
  web-llm-models/v0_2_48/Qwen2-0.5B-Instruct-q4f32_1-ctx4k_cs1k-webgpu.wasm
  web-llm-models/v0_2_80/snowflake-arctic-embed-s-q0f32-ctx512_cs512_batch4-webgpu.wasm
Packages of random weights are written to .cache/libraries, or to OLLM_LIBRARY_PACKAGES.`;

if (import.meta.main) {
  const libraries = await findLibraries();
  if (libraries.length === 0) {
    console.log(`${HOW}\nSKIPPED: no library that these tests know`);
    Deno.exit(0);
  }
  for (const { path } of libraries) console.log(`Testing ${basename(path)}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "tests/libraries", ...Deno.args],
    cwd: new URL("../../", import.meta.url),
  }).spawn().status;
  Deno.exit(code);
}
