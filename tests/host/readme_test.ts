/**
 * What the README lists is what is there.
 *
 * @module
 */
import assert from "node:assert/strict";
import { KEYS } from "../../cli/settings_keys.ts";
import { exists, fromFileUrl } from "../support/paths.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const README = Deno.readTextFileSync(`${ROOT}README.md`);

/** Text from a heading to the next one. */
function section(heading: string): string {
  const [, rest = ""] = README.split(`\n## ${heading}\n`);
  return rest.split("\n## ")[0]!;
}

Deno.test("README shows every room of the engine, and no other", () => {
  const shown = [...section("The house").matchAll(/^ {2}([a-z]+)\//gm)].map(([, name]) => name!);
  const rooms = [...Deno.readDirSync(`${ROOT}engine`)].filter(({ isDirectory }) => isDirectory);
  assert.deepEqual(shown.sort(), rooms.map(({ name }) => name).sort());
});

Deno.test("README names only files that exist", () => {
  const links = [...README.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path!);
  const named = [...README.matchAll(/`((?:engine|server|cli|examples|docs)\/[\w./]+)`/g)]
    .map(([, path]) => path!);
  const absent = [...links, ...named].filter((path) => !exists(`${ROOT}${path}`));
  assert.deepEqual(absent, []);
});

Deno.test("README lists every setting", () => {
  const table = section("Settings");
  const settings = Object.entries(KEYS).flatMap(([group, keys]) =>
    Object.keys(keys).map((key) => ({ group, key }))
  );
  const absent = settings.filter(({ group, key }) =>
    !table.split("\n").some((line) => line.includes(`[${group}]`) && line.includes(key))
  );
  assert.deepEqual(absent, []);
});

Deno.test("README shows the defaults of the settings", () => {
  const table = section("Settings");
  for (const [group, keys] of Object.entries(KEYS)) {
    for (const [key, { default: value }] of Object.entries(keys)) {
      if (value === null) continue;
      const line = table.split("\n").find((line) =>
        line.includes(`[${group}]`) && line.includes(key)
      );
      assert.ok(line?.split("|").at(-2)?.includes(String(value)), `${group}.${key} is ${value}`);
    }
  }
});
