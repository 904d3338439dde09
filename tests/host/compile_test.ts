/**
 * What the program reads at run time is part of the compiled binary. `deno compile` finds imports by itself, but neither workers
 * nor files that a module names by URL. That the binary runs is tested in `tests/binary/`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import config from "../../deno.json" with { type: "json" };
import { BUILTIN_MODELS } from "../../engine/store/builtin.ts";
import { fromFileUrl, walk } from "../support/paths.ts";
import { makeTestDir } from "../support/test_dir.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const INCLUDED = config.compile.include;

/** Where a module asks for its own place. */
const OWN_PLACE = /\bimport\.meta\.(?:url|dirname|filename|resolve)\b/g;
/** What it names from there; of a template the part before the first value. */
const NAMED = /new URL\(\s*(?:"([^"]*)"|`([^`$]*)[^`]*`),\s*import\.meta\.url\s*,?\s*\)/g;

/** Files and folders that a module names from its own place, as paths below the root. */
function findNamed(module: string, source: string): string[] {
  const named = [...source.matchAll(NAMED)].map(([, path, start]) => path ?? start!);
  const numPlaces = [...source.matchAll(OWN_PLACE)].length;
  assert.equal(named.length, numPlaces, `${module}: write new URL("./…", import.meta.url)`);
  return named.map((path) => new URL(path, `file:///${module}`).pathname.slice(1))
    // Downloads may lie beside them.
    .flatMap((path) => path === "models" ? BUILTIN_MODELS.map((name) => `models/${name}`) : [path]);
}

function isWithin(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder}/`);
}

Deno.test("deno.json includes in the binary what modules name by URL, and no more", () => {
  const rooms = ["cli", "engine", "kernels", "server"];
  const modules = ["main.ts", ...rooms.flatMap((room) => walk(ROOT, room, ".ts"))];
  const named = modules.flatMap((path) => findNamed(path, Deno.readTextFileSync(ROOT + path)));
  const absent = named.filter((path) => !INCLUDED.some((entry) => isWithin(path, entry)));
  assert.deepEqual(absent, [], "add these to compile.include of deno.json");
  const unused = INCLUDED.filter((entry) => !named.some((path) => isWithin(path, entry)));
  assert.deepEqual(unused, [], "remove these from compile.include of deno.json");
});

Deno.test("findNamed() resolves texts and the beginnings of templates", () => {
  const source = 'new URL("../b.ts", import.meta.url); new URL(`./c/${name}.gz`, import.meta.url)';
  assert.deepEqual(findNamed("a/a.ts", source), ["b.ts", "a/c/"]);
});

Deno.test("findNamed() refuses what it cannot follow", () => {
  assert.throws(() => findNamed("a.ts", "new URL(name, import.meta.url)"), /a\.ts: write new URL/);
  assert.throws(() => findNamed("a.ts", "join(import.meta.dirname, name)"), /a\.ts: write new URL/);
});

Deno.test("deno task compile puts every included file into the binary", async () => {
  const output = `${makeTestDir()}/ollm`;
  // Any program will do as the base of a binary that is not run; the real one would have to be downloaded.
  const base = Deno.execPath();
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "compile", "--no-check", "--output", output],
    cwd: ROOT,
    env: { DENORT_BIN: base },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const added = Buffer.from(Deno.readFileSync(output).buffer).subarray(Deno.statSync(base).size);
  const files = INCLUDED.flatMap((entry) =>
    Deno.statSync(ROOT + entry).isDirectory ? walk(ROOT, entry, "") : [entry]
  );
  const absent = files.filter((path) =>
    !added.includes(Buffer.from(Deno.readFileSync(ROOT + path)))
  );
  assert.deepEqual(absent, []);
});
