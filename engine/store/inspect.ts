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

/** How a directory was found. */
export type Found = Pick<ModelInfo, "reference" | "sourceKind" | "discoverySource"> & {
  /** Name to show. @default the directory's */
  name?: string;
};

/** Describes the package in a directory; damage and absence are part of the description, not errors. */
export async function inspectDirectory(path: string, found: Found): Promise<ModelInfo> {
  const info: ModelInfo = {
    name: basename(path),
    ...found,
    repository: null,
    revision: null,
    materialized: false,
    task: "generate",
    library: null,
    memoryBytes: null,
    requiredFeatures: [],
    supportLevel: "unsupported",
    path,
    modelType: null,
    quantization: null,
    contextLength: null,
    createdAt: 0,
    message: "",
  };
  try {
    info.createdAt = await readLastChange(path);
    const config = await readPackageConfig(path);
    info.modelType = config.modelType;
    info.quantization = config.quantization;
    info.contextLength = config.contextLength;
    // A kind that is not read may also have tensors that are not read: its reason comes first.
    const reason = unsupportedReason(config);
    if (reason !== null) return { ...info, materialized: true, message: reason };
    await openPackage(path);
    await checkTokenizer(path);
  } catch (error) {
    return { ...info, message: describeFailure(error) };
  }
  return {
    ...info,
    materialized: true,
    supportLevel: "optimized",
    message: `Runs on the wgsl backend: ${info.modelType} in ${info.quantization}`,
  };
}

function unsupportedReason({ modelType, quantization }: PackageConfig): string | null {
  if (!SUPPORTED_MODEL_TYPES.has(modelType)) {
    return `The architecture "${modelType}" cannot be run: supported are ${
      [...SUPPORTED_MODEL_TYPES].join(", ")
    }; take a model of one of these`;
  }
  if (!SUPPORTED_QUANTIZATIONS.has(quantization)) {
    return `The quantization "${quantization}" cannot be run: supported are ${
      [...SUPPORTED_QUANTIZATIONS].join(", ")
    }; convert the model to one of these`;
  }
  return null;
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
