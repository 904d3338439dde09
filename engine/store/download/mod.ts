/**
 * Fetches the files of a model from a hub, resumes what was cut, and lets nothing take its place unchecked. Knows where
 * files come from and go to; never what is in them, but for the names in configuration and index.
 *
 * @module
 */
import { DownloadError, ModelNotFoundError } from "../../errors.ts";
import type { DownloadProgress, HubOptions, ModelInfo } from "../../types.ts";
import { hasLibrary } from "../library.ts";
import { MAIN_BRANCH } from "../reference.ts";
import { downloadLibrary } from "./library.ts";
import { isComplete } from "./mark.ts";
import { downloadPackage } from "./package.ts";
import { ProgressMeter } from "./progress.ts";
import { DEFAULT_TUNING, type DownloadTuning } from "./tuning.ts";

export type { DownloadProgress, HubOptions } from "../../types.ts";
export { type DownloadMark, isComplete, MARK_FILE, readMark } from "./mark.ts";
export { DEFAULT_TUNING, type DownloadTuning } from "./tuning.ts";

/** Options of {@linkcode downloadModel}. */
export interface DownloadModelOptions {
  /** Where the hub is, and who asks. */
  hub: HubOptions;
  /**
   * Fetches what is there already again; it stays in its place until all that is new is there.
   * @default false
   */
  force?: boolean;
  /** Aborting it stops the download; what has come stays for the next one. */
  signal?: AbortSignal;
  /** Called a few times a second. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Patience, for tests. */
  tuning?: Partial<DownloadTuning>;
}

/**
 * Fetches what is missing of a model: its package into `info.path`, its compiled library to `info.library.path`. Both are
 * checked, and the directory is marked complete. With nothing missing it returns without touching the network.
 *
 * @throws {ModelNotFoundError} the reference names no repository and no directory, or the hub has no such repository
 * @throws {ModelInvalidError} the package's configuration or index is damaged
 * @throws {DownloadError} offline; refused; cut, slow or wrong too often; no room on the disk
 * @throws {DOMException} the signal's reason, an `AbortError`
 */
export async function downloadModel(info: ModelInfo, options: DownloadModelOptions): Promise<void> {
  const { hub, force = false, signal = new AbortController().signal } = options;
  const { path } = info;
  signal.throwIfAborted();
  if (path === null) throw new ModelNotFoundError(info.reference, info.message);
  const missing = await findMissing(info, path, force);
  if (missing.length === 0) return;
  if (hub.offline === true) throw offlineError(info, path, missing);
  const tuning = { ...DEFAULT_TUNING, ...options.tuning };
  const meter = new ProgressMeter(options.onProgress ?? (() => {}), tuning.reportMs);
  const transfer = { signal, tuning, meter };
  for (const part of missing) {
    if (part.kind === "library") await downloadLibrary(part.library, { hub, force }, transfer);
    else await downloadPackage({ ...part, dir: path, hub, force }, transfer);
  }
}

/** What there is to fetch. The library comes first: it is small, and until it comes nobody knows its size. */
type MissingPart =
  | { kind: "library"; library: { path: string; url: string } }
  | { kind: "package"; reference: string; repository: string; revision: string };

async function findMissing(info: ModelInfo, path: string, force: boolean): Promise<MissingPart[]> {
  const { reference, repository, library } = info;
  const missing: MissingPart[] = [];
  if (library !== null && library.url !== null && (force || !await hasLibrary(library))) {
    missing.push({ kind: "library", library: { path: library.path, url: library.url } });
  }
  if (repository === null) {
    const directory = await Deno.stat(path).catch(() => null);
    if (!directory?.isDirectory) throw new ModelNotFoundError(reference, info.message);
    return missing;
  }
  const revision = info.revision ?? MAIN_BRANCH;
  if (force || !await isComplete(path, repository, revision)) {
    missing.push({ kind: "package", reference, repository, revision });
  }
  return missing;
}

function offlineError(
  { reference }: ModelInfo,
  path: string,
  missing: readonly MissingPart[],
): DownloadError {
  const what = missing.map((part) =>
    part.kind === "library"
      ? `the compiled library "${part.library.path}"`
      : `the files of ${part.repository} in "${path}"`
  );
  return new DownloadError(
    "offline",
    `Cannot download "${reference}": offline mode is on, and it would fetch ${
      what.join(" and ")
    }; ` +
      "download the model once with a network, or copy the files there",
  );
}
