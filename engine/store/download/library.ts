/**
 * Fetches a compiled model library. Several models share one, so each has a lock of its own.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import { DownloadError } from "../../errors.ts";
import type { HubOptions, ModelLibrary } from "../../types.ts";
import { hasLibrary } from "../library.ts";
import { LIBRARY_ENDPOINT } from "../prebuilt.ts";
import { type Digest, parseEtagDigest } from "./digest.ts";
import { toStorageError } from "./failures.ts";
import { fetchFile } from "./fetch_file.ts";
import { parseEndpoint, urlBelow } from "./hub.ts";
import { withLock } from "./lock.ts";
import { syncDirectory } from "./mark.ts";
import { PART_SUFFIX, removePart } from "./part_file.ts";
import type { RemoteFile, Transfer } from "./remote_file.ts";

/** The largest published library has about 10 MiB. */
const MAX_LIBRARY_BYTES = 256 * 1024 * 1024;
/** What every WebAssembly module begins with. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d];
/** Its entity tags look like SHA-256, but it does not say of what. */
const HOST_WITHOUT_DIGESTS = new URL(LIBRARY_ENDPOINT).host;

/**
 * Fetches a library to its path. When another process does so already, waits for it and takes what it made.
 *
 * @param url where its publisher has it
 * @throws {DownloadError} refused, cut too often, not a WebAssembly module, or not writable
 */
export async function downloadLibrary(
  library: ModelLibrary & { url: string },
  options: { hub: HubOptions; force: boolean },
  transfer: Transfer,
): Promise<void> {
  const { path } = library;
  const file = toRemoteFile(library, options.hub);
  const { signal, meter, tuning } = transfer;
  let hasWaited = false;
  const onWait = () => {
    hasWaited = true;
    meter.reportWaiting(file.name);
  };
  await withLock(`${path}.lock`, { signal, pollMs: tuning.lockPollMs, onWait }, async () => {
    if ((!options.force || hasWaited) && await hasLibrary(library)) return;
    meter.addFile(file.name, null);
    await fetchFile(file, transfer);
    await checkMagic(file);
    try {
      await Deno.rename(file.partPath, path);
      await removePart(file.partPath);
      await syncDirectory(dirname(path));
    } catch (error) {
      throw toStorageError("write", path, error);
    }
  });
}

function toRemoteFile({ path, url }: ModelLibrary & { url: string }, hub: HubOptions): RemoteFile {
  const name = basename(path);
  const source = toMirror(url, hub);
  return {
    name,
    title: `the compiled library ${name}`,
    url: source,
    token: undefined,
    partPath: path + PART_SUFFIX,
    size: null,
    maxBytes: MAX_LIBRARY_BYTES,
    digests: [],
    readDigests: (headers) => readDigests(source, headers),
    explainRefusal: (status) =>
      new DownloadError(
        "download_failed",
        `Cannot download the compiled library ${name}: ${source.host} answers with status ` +
          `${status}; check the library endpoint, or run the model with the wgsl backend`,
      ),
  };
}

/** The same library below the user's own endpoint; a URL that is none of the publisher's stays as it is. */
function toMirror(url: string, { libraryEndpoint }: HubOptions): URL {
  const publisher = `${LIBRARY_ENDPOINT}/`;
  if (libraryEndpoint === undefined || !url.startsWith(publisher)) {
    return parseEndpoint(url, "library URL");
  }
  const endpoint = parseEndpoint(libraryEndpoint, "library endpoint");
  return urlBelow(endpoint, url.slice(publisher.length));
}

/** Libraries have no published digest; a mirror's entity tag may be one. */
function readDigests({ host }: URL, headers: Headers): Digest[] {
  if (host === HOST_WITHOUT_DIGESTS) return [];
  const digest = parseEtagDigest(headers.get("x-linked-etag")) ??
    parseEtagDigest(headers.get("etag"));
  return digest?.algorithm === "sha256" ? [digest] : [];
}

async function checkMagic({ partPath, title }: RemoteFile): Promise<void> {
  const head = new Uint8Array(MAGIC.length);
  {
    using file = await Deno.open(partPath, { read: true });
    await file.read(head);
  }
  if (MAGIC.every((byte, i) => head[i] === byte)) return;
  await removePart(partPath);
  throw new DownloadError(
    "download_failed",
    `Cannot download ${title}: what came is no WebAssembly module; check the library endpoint`,
  );
}
