/**
 * Model reference → what is known of it: path, then built-in model or alias, then hub repository, then a directory below the
 * models directory.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { isInside } from "../formats/mod.ts";
import type { ModelInfo } from "../types.ts";
import { BUILTIN_MODELS } from "./builtin.ts";
import { type CatalogEntry, findCatalogEntry } from "./catalog.ts";
import { hubDirectory, type HubReference, inspectHub } from "./hub.ts";
import { inspectDirectory } from "./inspect.ts";
import { describeOpaque } from "./opaque.ts";
import { isRepository, parseReference } from "./reference.ts";

/** Where models lie. */
export interface StoreOptions {
  /** The user's models, one directory each. */
  modelsDir: string;
  /** The models that ship with the program. */
  builtinDir: string;
}

/** How a listing found a model; null when it was asked for by name. */
type DiscoverySource = ModelInfo["discoverySource"];

/**
 * Finds what a reference names. Reads JSON and file sizes only.
 *
 * @returns always an answer: a text that names nothing is `opaque` and unsupported, a damaged package says what is wrong, and
 *   a model that could be downloaded says how
 */
export async function resolveModel(reference: string, options: StoreOptions): Promise<ModelInfo> {
  const text = reference.trim();
  const parsed = parseReference(text);
  switch (parsed.kind) {
    case "opaque":
      return parsed.fault === null ? describeUnknown(text) : describeOpaque(text, parsed.fault);
    case "path":
      return await inspectPath(text, parsed.path, options);
    case "repository":
      return await inspectHub({ ...parsed, reference: text }, options.modelsDir);
    case "name":
      // A directory of the working directory shadows an alias, as a shell user expects.
      return parsed.revision === null && await isDirectory(resolve(parsed.name))
        ? await inspectPath(text, resolve(parsed.name), options)
        : await resolveName(parsed.name, parsed.revision, options);
  }
}

/** Finds a name without looking into the working directory. */
export async function resolveName(
  name: string,
  revision: string | null,
  options: StoreOptions,
  source: DiscoverySource = null,
): Promise<ModelInfo> {
  const reference = revision === null ? name : `${name}@${revision}`;
  if (BUILTIN_MODELS.includes(name)) {
    return revision === null
      ? await inspectBuiltin(name, options, source)
      : describeOpaque(reference, `"${name}" ships with the program and has no revisions`);
  }
  const alias = findCatalogEntry(name);
  if (alias?.repository === null) {
    return await inspectUnpublished(alias, reference, options, source);
  }
  const hub = toHub(name, revision, alias);
  const known = hub && await inspectHub(hub, options.modelsDir, source);
  if (known?.materialized) return known;
  if (revision !== null) return known ?? describeOpaque(reference, NO_REVISION);
  const path = join(resolve(options.modelsDir), name);
  // A copy of the user's own is better than one that must be fetched.
  const isOwn = await isDirectory(path) && !(hub && hubDirectory(hub, options.modelsDir) === path);
  if (isOwn) return await inspectBelow(path, reference, options, source);
  return known ?? describeUnknown(reference);
}

const NO_REVISION = "Only hub repositories and their aliases have revisions; leave the @ out";

function toHub(
  name: string,
  revision: string | null,
  alias: CatalogEntry | undefined,
): HubReference | undefined {
  const reference = revision === null ? name : `${name}@${revision}`;
  if (alias?.repository) return { reference, repository: alias.repository, revision, alias };
  return isRepository(name) ? { reference, repository: name, revision } : undefined;
}

/** A model that nobody publishes in a form that runs here; a package of the user's own in its directory does. */
async function inspectUnpublished(
  { id, origin, directory }: CatalogEntry,
  reference: string,
  options: StoreOptions,
  source: DiscoverySource,
): Promise<ModelInfo> {
  const path = join(resolve(options.modelsDir), directory);
  if (await isDirectory(path)) return await inspectBelow(path, reference, options, source);
  return {
    ...describeOpaque(
      reference,
      `Nobody publishes ${origin} as an MLC package, and other weights are not read; ` +
        `a package of your own in "${path}" would run under this name`,
    ),
    name: id,
    sourceKind: "hugging-face",
    discoverySource: source,
    path,
  };
}

function inspectPath(reference: string, path: string, options: StoreOptions): Promise<ModelInfo> {
  return inspectDirectory(
    path,
    { reference, sourceKind: "local-path", discoverySource: null },
    options.modelsDir,
  );
}

function inspectBuiltin(
  name: string,
  options: StoreOptions,
  discoverySource: DiscoverySource,
): Promise<ModelInfo> {
  const path = join(resolve(options.builtinDir), name);
  return inspectDirectory(
    path,
    { reference: name, sourceKind: "builtin", discoverySource, name },
    options.modelsDir,
  );
}

/** A directory below the models directory; a link out of it is not followed. */
export async function inspectBelow(
  path: string,
  reference: string,
  options: StoreOptions,
  discoverySource: DiscoverySource,
): Promise<ModelInfo> {
  const found = { reference, sourceKind: "local-path", discoverySource } as const;
  // A directory that vanished meanwhile is as good as outside.
  const isOwn = await isInside(options.modelsDir, path).catch(() => false);
  if (!isOwn) {
    return {
      ...describeUnknown(reference),
      ...found,
      path,
      message: "The directory is a link out of the models directory; refer to it by its path",
    };
  }
  return await inspectDirectory(path, found, options.modelsDir);
}

function describeUnknown(reference: string): ModelInfo {
  return describeOpaque(
    reference,
    "No built-in model, no alias, no directory in the models directory and no path has this name; " +
      'see "ollm models list", or give a hub repository as org/name; the command line also takes the path of an MLC package',
  );
}

/** Whether there is a directory, links followed. */
export async function isDirectory(path: string): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => null);
  return info?.isDirectory ?? false;
}
