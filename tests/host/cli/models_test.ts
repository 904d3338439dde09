import assert from "node:assert/strict";
import { type ModelInfo, ModelNotFoundError, planNothing } from "../../../engine/mod.ts";
import { formatBytes } from "../../../cli/format_bytes.ts";
import { type CliResult, runCli, type RunCliOptions } from "../../support/cli_host.ts";
import { STUB_MODEL, type StubEngine } from "../../support/stub_engine.ts";
import { makeTestDir } from "../../support/test_dir.ts";

/** A model of the catalog that is not here. */
const ABSENT: ModelInfo = {
  ...STUB_MODEL,
  reference: "llama3-1B-chat",
  name: "llama3-1B-chat",
  sourceKind: "hugging-face",
  repository: "mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC",
  materialized: false,
  library: { path: "/models/.libraries/v1/x.wasm", url: "https://example.org/x.wasm" },
  memoryBytes: 921_740_247,
  requiredFeatures: ["shader-f16"],
  path: "/nowhere/models/llama3-1B-chat",
  createdAt: 0,
  message: 'Not on this machine: run "ollm models download llama3-1B-chat"',
};

/** A command on a stub that knows these models. */
function run(
  args: string[],
  models: ModelInfo[],
  options: RunCliOptions & { change?: (engine: StubEngine) => void } = {},
): Promise<CliResult> {
  return runCli(["models", ...args], {
    ...options,
    prepare(engine) {
      const find = (reference: string) => models.find((model) => model.reference === reference);
      engine.listModels = () => Promise.resolve(models);
      const inspect = engine.inspectModel;
      engine.inspectModel = async (reference) => find(reference) ?? await inspect(reference);
      const plan = engine.plan;
      engine.plan = async (asked = {}) => {
        const model = find(asked.model ?? "");
        return model === undefined || model.reference === STUB_MODEL.reference
          ? await plan(asked)
          : planNothing(model, [model.message]);
      };
      options.change?.(engine);
    },
  });
}

/** A directory with one file. */
async function makeModelDir(numBytes: number): Promise<string> {
  const dir = makeTestDir();
  await Deno.writeFile(`${dir}/params_shard_0.bin`, new Uint8Array(numBytes));
  return dir;
}

Deno.test("ollm models list shows what is here, with size, state and place, then what is not", async () => {
  const path = await makeModelDir(5 * 1024);
  const cut = { ...ABSENT, reference: "cut", path, message: "The download did not end" };
  const unpublished = { ...ABSENT, reference: "gpt-oss-20B", repository: null, library: null };
  const { code, stdout } = await run(
    ["list"],
    [STUB_MODEL, cut, ABSENT, { ...unpublished, supportLevel: "unsupported", memoryBytes: null }],
    { cwd: path.slice(0, path.lastIndexOf("/")) },
  );
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `On this machine

REFERENCE     SIZE  STATE         WHERE
ollm-tiny      0 B  ready (wgsl)  built in
cut        5.0 KiB  incomplete    ${path.slice(path.lastIndexOf("/") + 1)}
    The download did not end

To download with "ollm models download REFERENCE"

REFERENCE          MEMORY  CONTEXT  RUNS ON
gpt-oss-20B             –      512  no package
llama3-1B-chat  879.0 MiB      512  wgsl, web-llm
`,
  );
});

Deno.test("ollm models list --installed shows what is complete", async () => {
  const { stdout } = await run(["list", "--installed"], [STUB_MODEL, ABSENT]);
  assert.match(stdout, /ollm-tiny/);
  assert.doesNotMatch(stdout, /llama3-1B-chat|To download/);
});

Deno.test("ollm models list --json prints each model with its plan", async () => {
  const { stdout } = await run(["list", "--json"], [STUB_MODEL, ABSENT]);
  const { models } = JSON.parse(stdout);
  assert.equal(models[0].model_reference, "ollm-tiny");
  assert.equal(models[0].runtime_plan.backend_id, "wgsl");
  assert.equal(models[0].discovery_source, "built-in");
  assert.equal(models[1].materialized, false);
  // Not here is no reason to call it unsupported.
  assert.equal(models[1].support_level, "optimized");
  assert.equal(models[1].repo_id, ABSENT.repository);
});

Deno.test("ollm models list plans with the backend that is asked for", async () => {
  for (const args of [["--backend", "web-llm"], ["--no-specialization"]]) {
    const { stdout } = await run(["list", ...args], [STUB_MODEL]);
    assert.match(stdout, /ollm-tiny +0 B +cannot run +built in\n {4}the stub cannot run this\n/);
  }
  const contradiction = await run(["list", "--no-specialization", "--backend", "wgsl"], []);
  assert.equal(contradiction.code, 2);
  assert.equal((await run(["list", "--backend", "cuda"], [])).code, 2);
});

Deno.test("ollm models info prints a line for each thing that is known", async () => {
  const { code, stdout } = await run(["info", "llama3-1B-chat"], [ABSENT]);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `reference: llama3-1B-chat
normalized: llama3-1B-chat
source: hugging-face
materialized: false
support: optimized
specialization: true
task: generate
generic-kind: causal-lm
model-type: llama
quantization: q4f16_1
context-length: 512
memory: 879.0 MiB
required-features: shader-f16
repo: mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
path: /nowhere/models/llama3-1B-chat
library: /models/.libraries/v1/x.wasm
library-url: https://example.org/x.wasm
backend: none
specialization-state: not-planned
planned-passes: none
modalities: text
reason: Not on this machine: run "ollm models download llama3-1B-chat"
`,
  );
});

Deno.test("ollm models info prints the record or the plan as JSON", async () => {
  const record = JSON.parse((await run(["info", "ollm-tiny", "--json"], [])).stdout);
  assert.equal(record.model_reference, "ollm-tiny");
  assert.equal(record.runtime_plan.backend_id, "wgsl");
  assert.ok(!("discovery_source" in record));
  const plan = JSON.parse((await run(["info", "ollm-tiny", "--plan-json"], [])).stdout);
  assert.deepEqual(Object.keys(plan), ["runtime_config", "resolved_model", "runtime_plan"]);
  assert.equal(plan.runtime_config.models_dir, "/nowhere/models");
  assert.equal((await run(["info", "ollm-tiny", "--json", "--plan-json"], [])).code, 2);
});

Deno.test("ollm models info exits 0 for a model that nothing has", async () => {
  const { code, stdout } = await run(["info", "nope"], []);
  assert.equal(code, 0);
  assert.match(stdout, /source: opaque\nmaterialized: false\nsupport: unsupported\n/);
});

Deno.test("ollm models path prints a directory, there or not, and exits 2 without one", async () => {
  const { code, stdout } = await run(["path", "llama3-1B-chat"], [ABSENT]);
  assert.equal(code, 0);
  assert.equal(stdout, "/nowhere/models/llama3-1B-chat\n");
  const unknown = await run(["path", "nope"], []);
  assert.equal(unknown.code, 2);
  assert.equal(unknown.stderr, 'ollm: "nope" has no directory: nothing has this name\n');
});

Deno.test("ollm models download says where the model is", async () => {
  const asked: unknown[] = [];
  const change = (engine: StubEngine) => {
    engine.download = (reference, { force, signal, onProgress } = {}) => {
      asked.push([reference, force, signal?.aborted]);
      const progress = { file: "x", numBytes: 50, totalBytes: 100, numFiles: 2, numFilesDone: 1 };
      onProgress?.({ ...progress, rate: 10 });
      return Promise.resolve({ ...ABSENT, materialized: true });
    };
  };
  const { code, stdout, stderr, engineSettings } = await run(
    ["download", "llama3-1B-chat", "--force", "--offline"],
    [ABSENT],
    { change },
  );
  assert.equal(code, 0);
  assert.equal(stdout, "llama3-1B-chat: /nowhere/models/llama3-1B-chat\n");
  assert.match(stderr, /^Downloading +50% .* 1\/2 files\n$/);
  assert.deepEqual(asked, [["llama3-1B-chat", true, false]]);
  assert.deepEqual(engineSettings?.hub, { offline: true });
});

Deno.test("ollm models download exits 1 when there is nothing to fetch", async () => {
  const change = (engine: StubEngine) => {
    engine.download = (reference) =>
      Promise.reject(new ModelNotFoundError(reference, "the hub has no such repository"));
  };
  const { code, stderr } = await run(["download", "org/nope"], [], { change });
  assert.equal(code, 1);
  assert.equal(stderr, 'ollm: Cannot find model "org/nope": the hub has no such repository\n');
});

Deno.test("ollm models download stops at Ctrl-C", async () => {
  const { code, stderr } = await run(["download", "llama3-1B-chat"], [ABSENT], {
    interrupts: "download",
  });
  assert.equal(code, 130);
  assert.equal(stderr, "");
});

Deno.test("ollm models rm asks, then deletes", async () => {
  const path = await makeModelDir(2048);
  const model = { ...ABSENT, path, materialized: true };
  const removed: string[] = [];
  const change = (engine: StubEngine) => {
    engine.remove = (reference) => {
      removed.push(reference);
      return Promise.resolve(3 * 1024 * 1024);
    };
  };
  const refused = await run(["rm", "llama3-1B-chat"], [model], { change });
  assert.equal(refused.code, 1);
  assert.equal(refused.stderr, `Delete ${path} (2.0 KiB)?\nollm: Nothing was deleted\n`);
  assert.deepEqual(removed, []);
  const confirmed = await run(["rm", "llama3-1B-chat"], [model], { change, confirms: true });
  assert.equal(confirmed.code, 0);
  assert.equal(confirmed.stdout, "Deleted llama3-1B-chat: 3.0 MiB freed\n");
  const yes = await run(["rm", "llama3-1B-chat", "--yes"], [model], { change, stdin: "" });
  assert.equal(yes.code, 0);
  assert.equal(yes.stderr, "");
  assert.deepEqual(removed, ["llama3-1B-chat", "llama3-1B-chat"]);
});

Deno.test("ollm models rm does not ask without a terminal, nor about what cannot be deleted", async () => {
  const model = { ...ABSENT, path: await makeModelDir(1) };
  const { code, stderr } = await run(["rm", "llama3-1B-chat"], [model], { stdin: "" });
  assert.equal(code, 2);
  assert.match(stderr, /give --yes to delete the model\n$/);
  const change = (engine: StubEngine) => {
    engine.remove = (reference) => Promise.reject(new ModelNotFoundError(reference, "not here"));
  };
  const absent = await run(["rm", "llama3-1B-chat"], [ABSENT], { change, stdin: "" });
  assert.equal(absent.code, 1);
  assert.equal(absent.stderr, 'ollm: Cannot find model "llama3-1B-chat": not here\n');
});

Deno.test("formatBytes() takes the unit that people would", () => {
  const texts = [0, 1023, 1024, 1024 * 1023.96, 1536 * 1024, 7.5 * 1024 ** 3].map(formatBytes);
  assert.deepEqual(texts, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "1.5 MiB", "7.5 GiB"]);
});

Deno.test("ollm models list says that it cannot read the models directory, and lists none that is absent", async () => {
  const cwd = makeTestDir();
  Deno.writeTextFileSync(`${cwd}/file`, "");
  const { code, stderr } = await runCli(["models", "list", "--models-dir", "file"], { cwd });
  assert.equal(code, 1);
  assert.match(stderr, /^ollm: Cannot read the models directory \S+\/file: /);
  assert.equal((await runCli(["models", "list", "--models-dir", "absent"], { cwd })).code, 0);
});
