/**
 * Looks at a directory that should hold a model package: JSON and file sizes only, no weight is read.
 *
 * @module
 */
import { basename, join } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import {
  openPackage,
  type PackageConfig,
  readPackageConfig,
  SUPPORTED_MODEL_TYPES,
  SUPPORTED_QUANTIZATIONS,
} from "../formats/mod.ts";
import type { ModelInfo } from "../types.ts";
import { type CatalogEntry, findEntryOfDirectory } from "./catalog.ts";
import { findLibraryBeside, hasLibrary, libraryOf } from "./library.ts";
import { checkShards } from "./shards.ts";

/** How a directory was found. */
export type Found = Pick<ModelInfo, "reference" | "sourceKind" | "discoverySource"> & {
  /** Name to show. @default the directory's */
  name?: string;
  /** Repository that it was downloaded from. @default null */
  repository?: string | null;
  /** Revision that was asked for. @default null */
  revision?: string | null;
  /** The catalog's model that it is. @default the one of the directory's name */
  entry?: CatalogEntry | undefined;
};

/** Architectures that turn text into vectors. */
const EMBEDDING_MODEL_TYPES: ReadonlySet<string> = new Set(["bert"]);

/**
 * Describes the package in a directory; damage and absence are part of the description, not errors.
 *
 * @param modelsDir the user's models, where libraries are kept
 */
export async function inspectDirectory(
  path: string,
  { entry = findEntryOfDirectory(basename(path)), ...found }: Found,
  modelsDir: string,
): Promise<ModelInfo> {
  const info = describeEmpty(path, found, entry);
  try {
    info.createdAt = await readLastChange(path);
    info.library = await findLibraryBeside(path) ?? (entry ? libraryOf(entry, modelsDir) : null);
    const config = await readPackageConfig(path);
    info.modelType = config.modelType;
    info.quantization = config.quantization;
    info.contextLength = Math.min(config.contextLength, entry?.maxContextLength ?? Infinity);
    if (EMBEDDING_MODEL_TYPES.has(config.modelType)) info.task = "embed";
    return await judge(info, config);
  } catch (error) {
    return { ...info, message: describeFailure(error) };
  }
}

function describeEmpty(
  path: string,
  found: Omit<Found, "entry">,
  entry: CatalogEntry | undefined,
): ModelInfo {
  return {
    name: basename(path),
    repository: null,
    revision: null,
    ...found,
    materialized: false,
    task: entry?.task ?? "generate",
    library: null,
    memoryBytes: entry?.memoryBytes ?? null,
    requiredFeatures: [...entry?.requiredFeatures ?? []],
    supportLevel: "unsupported",
    path,
    modelType: null,
    quantization: null,
    contextLength: null,
    createdAt: 0,
    message: "",
  };
}

/**
 * Says what can run a package.
 *
 * @throws {ModelInvalidError} the package is damaged or incomplete
 */
async function judge(info: ModelInfo, config: PackageConfig): Promise<ModelInfo> {
  const { library } = info;
  const reason = whyNotWgsl(config);
  // A kind that nothing runs may also have files that are not understood: its reason comes first.
  if (reason !== null && library === null) {
    return { ...info, materialized: true, message: `${reason.what}; ${reason.remedy}` };
  }
  await checkShards(config.dir);
  if (reason === null) await openPackage(config.dir);
  await checkTokenizer(config.dir);
  if (reason === null) {
    return {
      ...info,
      materialized: true,
      supportLevel: "optimized",
      message: `Runs on the wgsl backend: ${info.modelType} in ${info.quantization}`,
    };
  }
  if (!(await hasLibrary(library!))) {
    return {
      ...info,
      materialized: true,
      message:
        `${reason.what}, and its compiled library is not here: put ${basename(library!.path)}` +
        ` beside the package${library!.url === null ? "" : `; it is published as ${library!.url}`}`,
    };
  }
  return {
    ...info,
    materialized: true,
    supportLevel: "generic",
    message: `Runs on the web-llm backend, with ${basename(library!.path)}: ${
      lowerFirst(reason.what)
    }`,
  };
}

/** Why our own kernels cannot run it, and what to do. */
function whyNotWgsl(
  { modelType, quantization }: Pick<PackageConfig, "modelType" | "quantization">,
): { what: string; remedy: string } | null {
  if (EMBEDDING_MODEL_TYPES.has(modelType)) {
    return {
      what: `The embedding architecture "${modelType}" cannot be run by our own kernels`,
      remedy: "take one with a compiled library",
    };
  }
  if (!SUPPORTED_MODEL_TYPES.has(modelType)) {
    return {
      what: `The architecture "${modelType}" cannot be run by our own kernels: they know ${
        [...SUPPORTED_MODEL_TYPES].join(", ")
      }`,
      remedy: "take a model of one of these",
    };
  }
  if (!SUPPORTED_QUANTIZATIONS.has(quantization)) {
    return {
      what: `The quantization "${quantization}" cannot be run by our own kernels: they know ${
        [...SUPPORTED_QUANTIZATIONS].join(", ")
      }`,
      remedy: "convert the model to one of these",
    };
  }
  return null;
}

/** Whether our own kernels run a package of this kind. */
export function isKnownToWgsl(modelType: string | null, quantization: string | null): boolean {
  return modelType !== null && quantization !== null &&
    whyNotWgsl({ modelType, quantization }) === null;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

async function checkTokenizer(path: string): Promise<void> {
  const info = await Deno.stat(join(path, "tokenizer.json")).catch(() => null);
  if (info?.isFile) return;
  throw new ModelInvalidError(
    `Cannot open "${path}": it has no tokenizer.json; download the package again`,
  );
}

/** Latest change of a file in the directory, in Unix seconds. */
async function readLastChange(path: string): Promise<number> {
  let latestMs = 0;
  for await (const entry of Deno.readDir(path)) {
    if (!entry.isFile) continue;
    const { mtime } = await Deno.stat(join(path, entry.name));
    latestMs = Math.max(latestMs, mtime?.getTime() ?? 0);
  }
  return Math.floor(latestMs / 1000);
}

function describeFailure(error: unknown): string {
  if (error instanceof ModelInvalidError) return error.message;
  if (error instanceof Deno.errors.NotFound) {
    return "The directory does not exist; give the directory of an MLC package";
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `The directory cannot be read: ${reason}; check the path and its permissions`;
}
