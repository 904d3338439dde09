/**
 * Temporary directories that are removed when the test module ends.
 *
 * @module
 */

let root: string | null = null;

/** Makes an empty directory; absolute and without links in its path. */
export function makeTestDir(): string {
  if (root === null) {
    const created = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "ollm-test-" }));
    addEventListener("unload", () => Deno.removeSync(created, { recursive: true }));
    root = created;
  }
  return Deno.makeTempDirSync({ dir: root });
}
