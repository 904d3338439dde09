/**
 * Model reference → what is known of it: path, then built-in alias, then a directory below the models directory.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { isInside } from "../formats/mod.ts";
import type { ModelInfo } from "../types.ts";
import { BUILTIN_MODELS } from "./builtin.ts";
import { inspectDirectory } from "./inspect.ts";
import { describeOpaque } from "./opaque.ts";
import { isModelName, parseReference } from "./reference.ts";

/** Where models lie. */
export interface StoreOptions {
  /** The user's models, one directory each. */
  modelsDir: string;
  /** The models that ship with the program. */
  builtinDir: string;
}

/**
 * Finds what a reference names. Reads JSON and file sizes only.
 *
 * @returns always an answer: a text that names nothing is `opaque` and unsupported, a damaged package says what is wrong
 */
export async function resolveModel(
  reference: string,
  options: StoreOptions,
): Promise<ModelInfo> {
  const text = reference.trim();
  const parsed = parseReference(text);
  if (parsed.kind === "opaque") return describeUnknown(text);
  if (parsed.kind === "path") return await inspectPath(text, parsed.path);
  // A directory of the working directory shadows an alias, as a shell user expects.
  if (await isDirectory(resolve(parsed.name))) {
    return await inspectPath(text, resolve(parsed.name));
  }
  if (BUILTIN_MODELS.includes(parsed.name)) {
    return await inspectBuiltin(parsed.name, options, null);
  }
  const path = join(resolve(options.modelsDir), parsed.name);
  if (!(await isDirectory(path))) return describeUnknown(text);
  return await inspectBelow(path, text, options, null);
}

/**
 * Lists the built-in models and the directories directly below the models directory, by source kind, then by reference. Hidden
 * directories, and those that an alias hides, are left out.
 */
export async function listModels(options: StoreOptions): Promise<ModelInfo[]> {
  const builtins = BUILTIN_MODELS.map((name) => inspectBuiltin(name, options, "built-in"));
  const modelsDir = resolve(options.modelsDir);
  const discovered = (await readDirectoryNames(modelsDir))
    .filter((name) => !name.startsWith(".") && !BUILTIN_MODELS.includes(name))
    .map((name) => {
      const path = join(modelsDir, name);
      return inspectBelow(path, isModelName(name) ? name : path, options, "discovered-local");
    });
  const models = await Promise.all([...builtins, ...discovered]);
  const key = ({ sourceKind, reference }: ModelInfo) => `${sourceKind}\0${reference}`;
  return models.sort((a, b) => key(a) < key(b) ? -1 : 1);
}

function inspectPath(reference: string, path: string): Promise<ModelInfo> {
  return inspectDirectory(path, { reference, sourceKind: "local-path", discoverySource: null });
}

function inspectBuiltin(
  name: string,
  options: StoreOptions,
  discoverySource: ModelInfo["discoverySource"],
): Promise<ModelInfo> {
  return inspectDirectory(join(resolve(options.builtinDir), name), {
    reference: name,
    sourceKind: "builtin",
    discoverySource,
    name,
  });
}

/** A directory below the models directory; a link out of it is not followed. */
async function inspectBelow(
  path: string,
  reference: string,
  { modelsDir }: StoreOptions,
  discoverySource: ModelInfo["discoverySource"],
): Promise<ModelInfo> {
  const found = { reference, sourceKind: "local-path", discoverySource } as const;
  // A directory that vanished meanwhile is as good as outside.
  const isOwn = await isInside(modelsDir, path).catch(() => false);
  if (!isOwn) {
    return {
      ...describeUnknown(reference),
      ...found,
      path,
      message: "The directory is a link out of the models directory; refer to it by its path",
    };
  }
  return await inspectDirectory(path, found);
}

function describeUnknown(reference: string): ModelInfo {
  return describeOpaque(
    reference,
    "No built-in model, no directory in the models directory and no path has this name; " +
      `use ${BUILTIN_MODELS.join(", ")} or give the path of an MLC package`,
  );
}

async function isDirectory(path: string): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => null);
  return info?.isDirectory ?? false;
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
