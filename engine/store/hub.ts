/**
 * Hub models: which directory a reference has, and whether its download is complete. Never touches the network.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { isInside } from "../formats/mod.ts";
import type { ModelInfo } from "../types.ts";
import { type CatalogEntry, findEntryOfRepository } from "./catalog.ts";
import { inspectDirectory, isKnownToWgsl } from "./inspect.ts";
import { lacksLibrary, libraryOf } from "./library.ts";
import { type DownloadMark, MARK_FILE, readMark } from "./download/mark.ts";
import { findDamage, hasParts } from "./download_state.ts";
import { MAIN_BRANCH } from "./reference.ts";

/** A reference to a hub model. */
export interface HubReference {
  /** The text that was given. */
  reference: string;
  repository: string;
  /** Branch, tag or commit; null is the main branch. */
  revision: string | null;
  /** The catalog's model that was named by its id; undefined for a repository's own name. */
  alias?: CatalogEntry;
}

/** Directory of a hub model, whether or not it is there. */
export function hubDirectory(hub: HubReference, modelsDir: string): string {
  const { repository, revision, alias } = hub;
  const entry = alias ?? (revision === null ? findEntryOfRepository(repository) : undefined);
  const name = entry?.directory ?? [repository, ...revision === null ? [] : [revision]].join("--");
  return join(resolve(modelsDir), name.replaceAll("/", "--"));
}

/** Describes a hub model: from its directory where a download was completed, otherwise from the catalog. */
export async function inspectHub(
  hub: HubReference,
  modelsDir: string,
  discoverySource: ModelInfo["discoverySource"] = null,
): Promise<ModelInfo> {
  const path = hubDirectory(hub, modelsDir);
  const fault = await findFault(hub, path, modelsDir);
  if (fault !== null) return { ...describeAbsent(hub, modelsDir), discoverySource, message: fault };
  const entry = entryOf(hub);
  const info = await inspectDirectory(path, {
    reference: hub.reference,
    sourceKind: "hugging-face",
    discoverySource,
    name: entry?.id ?? basename(path),
    repository: hub.repository,
    revision: hub.revision,
    entry,
  }, modelsDir);
  if (!info.materialized) return { ...info, message: `${info.message}; ${howToGet(hub)}` };
  if (info.supportLevel !== "unsupported" || !(await lacksLibrary(info))) return info;
  return {
    ...info,
    materialized: false,
    supportLevel: "generic",
    message: `The weights are here, the compiled library ${basename(info.library!.path)} is not: ${
      howToGet(hub)
    }`,
  };
}

/** What the catalog knows of a model that is not on disk. */
function describeAbsent(hub: HubReference, modelsDir: string): ModelInfo {
  const entry = entryOf(hub);
  return {
    reference: hub.reference,
    name: entry?.id ?? hub.repository,
    sourceKind: "hugging-face",
    discoverySource: null,
    repository: hub.repository,
    revision: hub.revision,
    materialized: false,
    task: entry?.task ?? "generate",
    library: entry ? libraryOf(entry, modelsDir) : null,
    memoryBytes: entry?.memoryBytes ?? null,
    requiredFeatures: [...entry?.requiredFeatures ?? []],
    supportLevel: entry ? levelOf(entry) : "unsupported",
    path: hubDirectory(hub, modelsDir),
    modelType: entry?.modelType ?? null,
    quantization: entry?.quantization ?? null,
    contextLength: entry?.contextLength ?? null,
    createdAt: 0,
    message: "",
  };
}

/** What must be done to have the model here. */
function howToGet({ reference }: HubReference): string {
  return `run "ollm models download ${reference}"`;
}

function entryOf({ alias, repository }: HubReference): CatalogEntry | undefined {
  return alias ?? findEntryOfRepository(repository);
}

function levelOf({ modelType, quantization, library }: CatalogEntry): ModelInfo["supportLevel"] {
  if (isKnownToWgsl(modelType, quantization)) return "optimized";
  return library === null ? "unsupported" : "generic";
}

/** Why a directory is not what a completed download leaves; null when it is. */
async function findFault(
  hub: HubReference,
  path: string,
  modelsDir: string,
): Promise<string | null> {
  const info = await Deno.stat(path).catch(() => null);
  if (info === null) {
    const known = entryOf(hub) ? "" : ", and unknown until it is";
    return `Not on this machine${known}: ${howToGet(hub)}`;
  }
  if (!info.isDirectory) return `"${path}" is in the way: it is no directory; remove it`;
  if (!(await isInside(modelsDir, path).catch(() => false))) {
    return `"${path}" is a link out of the models directory; remove it, or refer to the model by its path`;
  }
  const mark = await readMark(path);
  // Parts beside a mark are those of a forced download: until it ends, what the mark lists is whole.
  if (mark !== null) return await judge(hub, path, mark);
  return await hasParts(path)
    ? `The download did not end: ${howToGet(hub)} to go on with it`
    : describeUnmanaged(hub, path);
}

function describeUnmanaged(hub: HubReference, path: string): string {
  return `"${path}" has no ${MARK_FILE}: its download did not end, or it is a copy of your own; ` +
    `${howToGet(hub)} to complete it, or refer to your copy by its path or another name`;
}

async function judge(hub: HubReference, path: string, mark: DownloadMark): Promise<string | null> {
  const [asked, held] = [hub, mark].map(({ repository, revision }) =>
    `${repository}@${revision ?? MAIN_BRANCH}`
  );
  if (asked !== held) return `"${path}" holds ${held}, not ${asked}: ${howToGet(hub)}`;
  const damage = await findDamage(path, mark);
  if (damage.length === 0) return null;
  const more = damage.length > 2 ? ` and ${damage.length - 2} more files` : "";
  return `The download is damaged: ${damage.slice(0, 2).join(", ")}${more}; ${howToGet(hub)}`;
}
