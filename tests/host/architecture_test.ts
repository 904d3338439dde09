/**
 * The rooms import each other only along the arrows drawn here, which are those of the README's picture.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fromFileUrl, relative, walk } from "../support/paths.ts";

/** What everyone in the engine may name: the words of the house, without behaviour. */
const ENGINE_WORDS = ["engine/errors.ts", "engine/types.ts"];

const RUNTIME = [
  ...ENGINE_WORDS,
  "engine/runtime/runner.ts",
  "engine/runtime/embedder.ts",
  "engine/runtime/memory_plan.ts",
  "engine/runtime/prediction.ts",
  "engine/cache",
  "engine/scheduler",
  "engine/sampling",
  "engine/text",
  "engine/formats",
  "engine/store",
  "npm:",
  "node:",
];

/**
 * Room → rooms it may import besides itself. A room is a folder or a file; the longest one that matches counts.
 * `npm:` stands for every package and `node:` for Deno's own modules.
 */
const DRAWN: Record<string, string[]> = {
  "kernels": [],
  // Words and door of the engine.
  "engine/errors.ts": [],
  "engine/keep_alive.ts": [],
  "engine/types.ts": ["engine/types"],
  "engine/types": [],
  "engine/prompt_record.ts": ENGINE_WORDS,
  "engine/records.ts": ENGINE_WORDS,
  "engine/mod.ts": [
    ...ENGINE_WORDS,
    "engine/keep_alive.ts",
    "engine/prompt_record.ts",
    "engine/records.ts",
    "engine/store",
    "engine/runtime/engine.ts",
    "engine/runtime/plan.ts",
  ],
  // Host-only rooms: decisions that are tested without a device.
  "engine/formats": [...ENGINE_WORDS, "npm:", "node:"],
  "engine/store": [...ENGINE_WORDS, "engine/formats", "npm:", "node:"],
  "engine/text": [...ENGINE_WORDS, "engine/formats", "npm:", "node:"],
  "engine/sampling": [...ENGINE_WORDS, "npm:"],
  "engine/cache": [...ENGINE_WORDS],
  "engine/scheduler": [...ENGINE_WORDS, "engine/cache"],
  // The device side.
  "engine/gpu": [...ENGINE_WORDS, "kernels"],
  "engine/ops": [...ENGINE_WORDS, "engine/gpu", "kernels"],
  "engine/models": [...ENGINE_WORDS, "engine/ops", "engine/gpu", "engine/formats"],
  "engine/backends": [
    ...ENGINE_WORDS,
    "engine/models",
    "engine/ops",
    "engine/gpu",
    "kernels",
    "engine/formats",
    "engine/runtime/runner.ts",
    "engine/runtime/embedder.ts",
    "engine/runtime/memory_plan.ts",
    "engine/runtime/prediction.ts",
    "node:",
  ],
  // The only files that name web-llm: imported when a library is loaded, never before.
  "engine/backends/web_llm/releases": ["npm:"],
  "engine/backends/web_llm": [
    ...ENGINE_WORDS,
    "engine/gpu",
    "engine/formats",
    "engine/runtime/runner.ts",
    "engine/runtime/embedder.ts",
    "engine/runtime/memory_plan.ts",
    "npm:",
    "node:",
  ],
  // The loop: it meets a backend through its two interfaces and plain arithmetic.
  "engine/runtime/runner.ts": ENGINE_WORDS,
  "engine/runtime/embedder.ts": ENGINE_WORDS,
  "engine/runtime/memory_plan.ts": [],
  "engine/runtime/prediction.ts": ENGINE_WORDS,
  "engine/runtime": RUNTIME,
  // Its edges: a load builds the runner, the plan asks what it would build, the engine finds the adapter.
  "engine/runtime/load_model.ts": [
    ...RUNTIME,
    "engine/runtime",
    "engine/backends",
    "engine/backends/web_llm",
    "engine/gpu",
  ],
  "engine/runtime/worker.ts": [
    ...RUNTIME,
    "engine/runtime",
    "engine/runtime/load_model.ts",
    "engine/runtime/serve_model.ts",
  ],
  // Serves whatever was loaded, and names its type.
  "engine/runtime/serve_model.ts": [...RUNTIME, "engine/runtime", "engine/runtime/load_model.ts"],
  "engine/runtime/plan.ts": [
    ...RUNTIME,
    "engine/runtime",
    "engine/backends",
    "engine/backends/web_llm",
    "engine/gpu",
    "engine/ops",
  ],
  "engine/runtime/engine.ts": [
    ...RUNTIME,
    "engine/runtime",
    "engine/runtime/plan.ts",
    "engine/gpu",
  ],
  // Those who open the door.
  "server": ["engine/mod.ts", "npm:", "node:"],
  "cli": ["engine/mod.ts", "deno.json", "npm:", "node:"],
  // The composition root; deno.json has the version.
  "main.ts": ["engine/mod.ts", "server", "cli", "deno.json", "npm:", "node:"],
  "deno.json": [],
};

interface Arrow {
  from: string;
  to: string;
}

/** The part of `deno info --json` that is read. */
interface ModuleGraph {
  modules: {
    specifier: string;
    dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[];
  }[];
}

function roomOf(path: string): string {
  for (const scheme of ["npm:", "node:"]) if (path.startsWith(scheme)) return scheme;
  const matches = Object.keys(DRAWN).filter((room) => path === room || path.startsWith(room + "/"));
  return matches.reduce((longest, room) => room.length > longest.length ? room : longest, "");
}

/** What is wrong with an arrow; undefined where it is drawn. */
function findFault({ from, to }: Arrow): string | undefined {
  const [source, target] = [roomOf(from), roomOf(to)];
  if (source === target && source !== "") return undefined;
  const allowed = DRAWN[source];
  if (allowed?.includes(target)) return undefined;
  const rule = allowed ? `${source} may import ${allowed.join(", ") || "nothing"}` : "no such room";
  return `${from} → ${to}: ${rule}`;
}

/** Arrows between all modules that `entries` lead to, type-only imports included; a worker's entry is one of them. */
async function readArrows(root: string, entries: string[]): Promise<Arrow[]> {
  const seen = new Map<string, Arrow[]>();
  for (const entry of entries) {
    if (seen.has(entry)) continue;
    const { modules } = await readGraph(root, entry);
    for (const module of modules) {
      const from = toPath(root, module.specifier);
      const targets = (module.dependencies ?? [])
        .flatMap(({ code, type }) => [code?.specifier, type?.specifier])
        .filter((specifier) => specifier !== undefined);
      seen.set(from, targets.map((specifier) => ({ from, to: toPath(root, specifier) })));
    }
  }
  return [...seen].filter(([from]) => !from.startsWith("npm:") && !from.startsWith("node:"))
    .flatMap(([, arrows]) => arrows);
}

async function readGraph(root: string, entry: string): Promise<ModuleGraph> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

function toPath(root: string, specifier: string): string {
  return specifier.startsWith("file:") ? relative(root, fromFileUrl(specifier)) : specifier;
}

Deno.test("the house has no arrow that is not drawn", async () => {
  const root = fromFileUrl(new URL("../../", import.meta.url));
  const rooms = ["kernels", "engine", "server", "cli"];
  // main.ts first: its graph covers most files, and each file that it does not reach costs a process.
  const entries = ["main.ts", ...rooms.flatMap((room) => walk(root, room, ".ts"))];
  const faults = (await readArrows(root, entries)).map(findFault).filter((fault) => fault);
  assert.deepEqual([...new Set(faults)], []);
});

for (
  const [from, to] of [
    ["kernels/mod.ts", "engine/errors.ts"],
    ["engine/scheduler/scheduler.ts", "engine/gpu/device.ts"],
    ["engine/text/encoder.ts", "engine/runtime/engine.ts"],
    ["engine/runtime/model_engine.ts", "engine/backends/wgsl/mod.ts"],
    ["engine/runtime/model_engine.ts", "engine/gpu/mod.ts"],
    ["engine/backends/wgsl/mod.ts", "engine/runtime/engine.ts"],
    ["engine/ops/fusion.ts", "engine/models/decoder.ts"],
    ["engine/errors.ts", "engine/types.ts"],
    ["server/app.ts", "engine/runtime/engine.ts"],
    ["server/app.ts", "cli/main.ts"],
    ["cli/main.ts", "main.ts"],
    ["server/app.ts", "somewhere/else.ts"],
  ] as const
) {
  Deno.test(`findFault() refuses ${from} → ${to}`, () => {
    assert.match(findFault({ from, to })!, new RegExp(`^${from} → ${to}: `));
  });
}

for (
  const [from, to] of [
    ["engine/ops/linear.ts", "kernels/mod.ts"],
    ["engine/backends/wgsl/mod.ts", "engine/runtime/runner.ts"],
    ["engine/runtime/load_model.ts", "engine/backends/wgsl/mod.ts"],
    ["engine/text/encoder.ts", "npm:/@huggingface/jinja@0.5.5"],
    ["cli/main.ts", "engine/mod.ts"],
    ["main.ts", "server/app.ts"],
  ] as const
) {
  Deno.test(`findFault() allows ${from} → ${to}`, () => {
    assert.equal(findFault({ from, to }), undefined);
  });
}
