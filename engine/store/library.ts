/**
 * Where the compiled libraries of the `web-llm` backend lie, and where they come from. Reads directory entries only.
 *
 * @module
 */
import { join, resolve } from "node:path";
import type { ModelInfo, ModelLibrary } from "../types.ts";
import type { CatalogEntry } from "./catalog.ts";
import { LIBRARY_ENDPOINT, LIBRARY_FOLDER } from "./prebuilt.ts";

/** Folder of the models directory that holds libraries; hidden, so that it is no model. */
export const LIBRARIES_DIR = ".libraries";

/**
 * The library of a catalog entry, with its publisher's URL; null where it has none.
 *
 * @param modelsDir the user's models
 */
export function libraryOf(entry: CatalogEntry, modelsDir: string): ModelLibrary | null {
  if (entry.library === null) return null;
  // One folder a version: libraries of two versions bear the same names.
  const folder = LIBRARY_FOLDER.replaceAll("/", "-");
  return {
    path: join(resolve(modelsDir), LIBRARIES_DIR, folder, entry.library),
    url: `${LIBRARY_ENDPOINT}/${LIBRARY_FOLDER}/${entry.library}`,
  };
}

/** The one library that lies beside a package; null when there is none, or when there are several to choose from. */
export async function findLibraryBeside(dir: string): Promise<ModelLibrary | null> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(dir)) {
    if (isFile && name.endsWith(".wasm")) names.push(name);
  }
  return names.length === 1 ? { path: join(resolve(dir), names[0]!), url: null } : null;
}

/** Whether the library's file is there; an empty one is none. */
export async function hasLibrary({ path }: Pick<ModelLibrary, "path">): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => null);
  return info?.isFile === true && info.size > 0;
}

/** Whether a model has a published library that was not fetched yet. */
export async function lacksLibrary({ library }: ModelInfo): Promise<boolean> {
  return library !== null && library.url !== null && !(await hasLibrary(library));
}
