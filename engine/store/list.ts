/**
 * What there is: the built-in models, the catalog, and what lies in the models directory.
 *
 * @module
 */
import { join, resolve } from "node:path";
import type { ModelInfo } from "../types.ts";
import { BUILTIN_MODELS } from "./builtin.ts";
import { CATALOG } from "./catalog.ts";
import { type DownloadMark, readMark } from "./download/mark.ts";
import { hubDirectory, type HubReference, inspectHub } from "./hub.ts";
import { isModelName, isRepository, MAIN_BRANCH } from "./reference.ts";
import { inspectBelow, isDirectory, resolveName, type StoreOptions } from "./resolve.ts";

/** Directories that belong to a name of ours. */
const NAMED: ReadonlySet<string> = new Set([
  ...BUILTIN_MODELS,
  ...CATALOG.flatMap(({ id, directory }) => [id, directory]),
]);

/**
 * Lists the built-in models, the catalog and the directories directly below the models directory, by source kind, then by
 * reference. Hidden directories, and those that belong to an alias, are left out.
 */
export async function listModels(options: StoreOptions): Promise<ModelInfo[]> {
  const ids = [...BUILTIN_MODELS, ...CATALOG.map(({ id }) => id)];
  const named = ids.map((id) => resolveName(id, null, options, "built-in"));
  const discovered = (await readDirectoryNames(resolve(options.modelsDir)))
    .filter((name) => !name.startsWith(".") && !NAMED.has(name))
    .map((name) => inspectDiscovered(name, options));
  const models = await Promise.all([...named, ...discovered]);
  const key = ({ sourceKind, reference }: ModelInfo) => `${sourceKind}\0${reference}`;
  return models.sort((a, b) => key(a) < key(b) ? -1 : 1);
}

/** A directory that no alias has: a download by its repository, else a package of the user's own. */
async function inspectDiscovered(name: string, options: StoreOptions): Promise<ModelInfo> {
  const path = join(resolve(options.modelsDir), name);
  const mark = await readMark(path).catch(() => null);
  for (const hub of mark === null ? [] : referencesOf(mark)) {
    // A mark may have been copied to another place; it then says nothing of where the model belongs.
    if (hubDirectory(hub, options.modelsDir) === path) {
      return await inspectHub(hub, options.modelsDir, "discovered-local");
    }
  }
  const reference = isModelName(name) ? name : path;
  return await inspectBelow(path, reference, options, "discovered-local");
}

/** How a download may have been asked for; its main branch by name or without. */
function referencesOf({ repository, revision }: DownloadMark): HubReference[] {
  if (!isRepository(repository)) return [];
  const pinned = { reference: `${repository}@${revision}`, repository, revision };
  return revision === MAIN_BRANCH
    ? [{ reference: repository, repository, revision: null }, pinned]
    : [pinned];
}

/** Names of directories, links to directories included; none when the directory is absent. */
async function readDirectoryNames(dir: string): Promise<string[]> {
  if (!(await isDirectory(dir))) return [];
  const names: string[] = [];
  for await (const entry of Deno.readDir(dir)) {
    if (entry.isDirectory || (entry.isSymlink && await isDirectory(join(dir, entry.name)))) {
      names.push(entry.name);
    }
  }
  return names;
}
