/**
 * Paths below a folder, with forward slashes.
 *
 * @module
 */
import { relative as nodeRelative } from "node:path";
import { fileURLToPath } from "node:url";

/** Path of a `file:` URL. */
export function fromFileUrl(url: string | URL): string {
  return fileURLToPath(url);
}

/** `path` as seen from `root`. */
export function relative(root: string, path: string): string {
  return nodeRelative(root, path).replaceAll("\\", "/");
}

/** Files below `root`/`folder` whose names end in `ending`, as paths below `root`, in order. */
export function walk(root: string, folder: string, ending: string): string[] {
  const entries = [...Deno.readDirSync(`${root}/${folder}`)];
  return entries.flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return walk(root, path, ending);
    return name.endsWith(ending) ? [path] : [];
  }).sort();
}

/** Whether a file or folder is there. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
