import assert from "node:assert/strict";
import {
  DeviceError,
  EngineError,
  InvalidRequestError,
  ModelInvalidError,
  ModelNotFoundError,
} from "../../../engine/mod.ts";
import { runCli } from "../../support/cli_host.ts";
import type { StubEngine } from "../../support/stub_engine.ts";
import { makeTestDir } from "../../support/test_dir.ts";

Deno.test("ollm prompt prints the reply and a line end", async () => {
  const { code, stdout, stderr, engine } = await runCli(["prompt", "List three planets"]);
  assert.equal(code, 0);
  assert.equal(stdout, "Mercury, Venus and Earth.\n");
  assert.equal(stderr, "");
  assert.deepEqual(engine.requests, [{
    model: "ollm-tiny",
    messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: "List three planets" },
    ],
    sampling: { temperature: 0 },
  }]);
});

Deno.test("ollm prompt turns flags into a request", async () => {
  const args =
    "prompt Hi --system= --max-new-tokens 9 --temperature 0.5 --top-p 0.9 --top-k 5 --seed -3";
  const { engine, engineSettings } = await runCli([...args.split(" "), "--models-dir", "~/m"], {
    env: { HOME: "/home/me" },
  });
  assert.deepEqual(engine.requests, [{
    model: "ollm-tiny",
    messages: [{ role: "user", content: "Hi" }],
    sampling: { temperature: 0.5, topP: 0.9, topK: 5, seed: -3 },
    maxTokens: 9,
  }]);
  assert.deepEqual(engineSettings, {
    modelsDir: "/home/me/m",
    defaultMaxTokens: 9,
    forceDownload: false,
    speculation: "auto",
    hub: { offline: false },
  });
});

Deno.test("ollm prompt leaves the default budget to the engine", async () => {
  const { engine, engineSettings } = await runCli(["prompt", "Hi"], {
    env: { OLLM_GENERATION__MAX_NEW_TOKENS: "77" },
  });
  assert.equal(engine.requests[0]!.maxTokens, undefined);
  assert.equal(engineSettings?.defaultMaxTokens, 77);
});

Deno.test("ollm prompt prints JSON with the facts of the run", async () => {
  const { code, stdout } = await runCli([
    "prompt",
    "Hi",
    "--format",
    "json",
    "--no-stream",
    "--stats",
  ]);
  assert.equal(code, 0);
  const { text, metadata } = JSON.parse(stdout);
  assert.equal(text, "Mercury, Venus and Earth.");
  assert.equal(metadata.backend_id, "wgsl");
  assert.equal(metadata.completion_tokens, "3");
  assert.match(metadata.stats, /^5 prompt tokens \(2 cached\), 3 generated, /);
});

Deno.test("ollm prompt reads the prompt from stdin as it is", async () => {
  for (const args of [["prompt", "--stdin"], ["prompt"]]) {
    const { code, engine } = await runCli(args, { stdin: " Hi\n" });
    assert.equal(code, 0);
    assert.equal(engine.requests[0]!.messages!.at(-1)!.content, " Hi\n");
  }
});

Deno.test("ollm prompt reads and writes files, the reply for its owner only", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/in.txt`, "Hi");
  const { code, stdout, engine } = await runCli(
    ["prompt", "--file", "in.txt", "--output", "new/out.txt", "--no-stream"],
    { cwd: dir },
  );
  assert.equal(code, 0);
  assert.equal(stdout, "");
  assert.equal(engine.requests[0]!.messages!.at(-1)!.content, "Hi");
  assert.equal(await Deno.readTextFile(`${dir}/new/out.txt`), "Mercury, Venus and Earth.");
  if (Deno.build.os !== "windows") {
    assert.equal((await Deno.stat(`${dir}/new/out.txt`)).mode! & 0o777, 0o600);
    assert.equal((await Deno.stat(`${dir}/new`)).mode! & 0o777, 0o700);
  }
  await Deno.remove(dir, { recursive: true });
});

Deno.test("ollm prompt refuses calls that make no sense", async () => {
  const cases: [string[], RegExp][] = [
    [["prompt"], /There is no prompt/],
    [["prompt", "Hi", "--stdin"], /only one of PROMPT, --file and --stdin/],
    [["prompt", "Hi", "--format", "json"], /needs --no-stream/],
    [["prompt", "Hi", "--format", "xml", "--no-stream"], /text, json/],
    [
      ["prompt", "Hi", "--temperature", "-1"],
      /--temperature = "-1": expected a number, at least 0/,
    ],
    [["prompt", "Hi", "--top-k", "0"], /--top-k/],
    [["prompt", "--plan-json", "--output", "x"], /--plan-json/],
    [["prompt", "Hi", "--nope"], /unknown option '--nope'/],
    [["prompt", "Hi", "there"], /too many arguments/],
    [["--model", "x", "prompt", "Hi"], /unknown option '--model'/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runCli(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  }
});

Deno.test("ollm prompt says what failed in one line, with a code of its own", async () => {
  const cases = [
    [new EngineError("engine_failed", "It broke\nhere"), 1, "ollm: It broke here\n"],
    [new DeviceError("device_unavailable", "No adapter"), 69, "ollm: No adapter\n"],
  ] as const;
  for (const [refusal, code, stderr] of cases) {
    const result = await runCli(["prompt", "Hi"], { stub: { refusal } });
    assert.deepEqual([result.code, result.stderr], [code, stderr]);
  }
  const unknown = await runCli(["prompt", "Hi", "--model", "nope"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^ollm: Cannot find model "nope": /);
});

Deno.test("ollm prompt stops at Ctrl-C", async () => {
  const { code, stdout, engine } = await runCli(["prompt", "Hi"], {
    stub: { hangs: true },
    interrupts: "text",
  });
  assert.equal(code, 130);
  assert.equal(stdout, "Mercury\n");
  assert.equal(engine.numRunning, 0);
});

Deno.test("ollm prompt stops at Ctrl-C while the model loads", async () => {
  const { code, stdout, stderr } = await runCli(["prompt", "Hi"], { interrupts: "load" });
  assert.deepEqual([code, stdout, stderr], [130, "", ""]);
});

Deno.test("ollm prompt --plan-json prints the plan of ollm plan and runs nothing", async () => {
  const { code, stdout, engine } = await runCli(["prompt", "--plan-json"]);
  assert.equal(code, 0);
  assert.equal(engine.requests.length, 0);
  assert.equal(stdout, (await runCli(["plan"])).stdout);
});

Deno.test("ollm prompt --print-config prints the settings first", async () => {
  const { stdout } = await runCli(["prompt", "Hi", "--print-config", "--seed", "4"]);
  const end = stdout.indexOf("\n}\n") + 3;
  assert.deepEqual(JSON.parse(stdout.slice(0, end)), {
    runtime: {
      model_reference: "ollm-tiny",
      models_dir: "models",
      backend: null,
      model_library: null,
      force_download: false,
      keep_alive: null,
      max_loaded_models: null,
      memory_budget_bytes: null,
      speculation: "auto",
    },
    generation: {
      max_new_tokens: 500,
      temperature: 0,
      top_p: null,
      top_k: null,
      seed: 4,
      stream: true,
    },
  });
  assert.equal(stdout.slice(end), "Mercury, Venus and Earth.\n");
});

Deno.test("ollm prompt --output fails before the model runs where no file can be written, and leaves none", async () => {
  const cwd = makeTestDir();
  const bad = await runCli(["prompt", "--output", ".", "Hi"], { cwd });
  assert.match(bad.stderr, /^ollm: Cannot write the reply to \S+: /);
  assert.equal(bad.engineSettings, undefined);
  assert.equal((await runCli(["prompt", "--output", "", "Hi"], { cwd })).code, 2);
  const refusal = new InvalidRequestError("prompt", "No");
  assert.equal(
    (await runCli(["prompt", "--output", "new", "Hi"], { cwd, stub: { refusal } })).code,
    1,
  );
  assert.deepEqual([...Deno.readDirSync(cwd)], []);
});

Deno.test("ollm shows control characters of a name, and sends none to the terminal", async () => {
  const error = new ModelNotFoundError("x\x1b[31m", "it is not there");
  const prepare = (engine: StubEngine) => {
    engine.load = () => Promise.reject(error);
  };
  const { stderr } = await runCli(["prompt", "--model", "x", "Hi"], { prepare });
  assert.equal(stderr, 'ollm: Cannot find model "x\\x1b[31m": it is not there\n');
});

Deno.test("ollm exits 77 where a permission is missing, whatever failed on top of that", async () => {
  const cause = new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  const error = new ModelInvalidError("Cannot read config.json: Permission denied", { cause });
  const prepare = (engine: StubEngine) => {
    engine.load = () => Promise.reject(error);
  };
  assert.equal((await runCli(["prompt", "Hi"], { prepare })).code, 77);
});
