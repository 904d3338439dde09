/**
 * The hub's API: which files a repository has at one commit, and where each is fetched.
 *
 * @module
 */
import { join } from "node:path";
import { DownloadError, type EngineError, ModelNotFoundError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../formats/mod.ts";
import type { HubOptions } from "../../types.ts";
import { type Digest, parseDigest, parseEtagDigest } from "./digest.ts";
import { TransientError, UnreachableError } from "./failures.ts";
import { request } from "./http.ts";
import { PART_SUFFIX } from "./part_file.ts";
import type { RemoteFile, Transfer } from "./remote_file.ts";
import { Retries } from "./retries.ts";
import { checkStatus } from "./status.ts";

/** The public hub. */
export const DEFAULT_ENDPOINT = "https://huggingface.co";
/** The listing of the largest repositories has some MiB. */
const MAX_LISTING_BYTES = 32 * 1024 * 1024;
const COMMIT = /^[0-9a-f]{40,64}$/;

/** A repository, as it is asked for. */
export interface RepositoryRequest {
  /** The user's text, for messages. */
  reference: string;
  /** `org/name`. */
  repository: string;
  /** Branch, tag or commit. */
  revision: string;
  /** Where the hub is, and who asks. */
  hub: HubOptions;
}

/** What the hub says of one file. */
export interface ListedFile {
  /** Bytes; null where the hub does not say. */
  size: number | null;
  /** None where the hub does not say. */
  digests: Digest[];
}

/** A repository at one commit: a branch that moves meanwhile never mixes files. */
export interface RepositoryListing {
  commit: string;
  /** By path in the repository. */
  files: ReadonlyMap<string, ListedFile>;
}

/**
 * Asks the hub for the files of a repository.
 *
 * @throws {ModelNotFoundError} there is no such repository or revision, as far as this user may see
 * @throws {DownloadError} the hub refuses, cannot be reached, or answers nonsense
 */
export async function listRepository(
  asked: RepositoryRequest,
  transfer: Transfer,
): Promise<RepositoryListing> {
  const { repository, revision } = asked;
  const path = `api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const url = urlBelow(endpointOf(asked.hub), path);
  const retries = new Retries(`the file list of ${repository}`, transfer);
  while (true) {
    try {
      return await requestListing(url, asked, transfer);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const { maxContactTries, maxTries } = transfer.tuning;
      const isUnreachable = error instanceof UnreachableError;
      await retries.waitAfter(error, { maxTries: isUnreachable ? maxContactTries : maxTries });
    }
  }
}

/**
 * Describes a listed file for fetching.
 *
 * @param dir where its part is made
 * @param name one name without folders
 * @param limits `maxBytes`, and a digest that is known from elsewhere
 */
export function toRemoteFile(
  asked: RepositoryRequest,
  { commit, files }: RepositoryListing,
  dir: string,
  name: string,
  limits: { maxBytes: number; digests?: readonly Digest[] },
): RemoteFile {
  const { hub, repository } = asked;
  const { size, digests } = files.get(name)!;
  return {
    name,
    title: `${name} of ${repository}`,
    url: urlBelow(endpointOf(hub), `${repository}/resolve/${commit}/${encodeURIComponent(name)}`),
    token: hub.token,
    partPath: join(dir, name + PART_SUFFIX),
    size,
    maxBytes: limits.maxBytes,
    digests: [...digests, ...(limits.digests ?? [])],
    readDigests: (headers) => readHubDigests(name, asked, headers),
    explainRefusal(status, headers) {
      const refusal = explainAccess(asked, status, headers);
      return refusal ?? new DownloadError(
        "download_failed",
        `Cannot download ${name} of ${repository}: the hub lists it at commit ` +
          `${commit.slice(0, 12)} but answers with status ${status}; try again later`,
      );
    },
  };
}

/** Reads a base URL of the settings. */
export function parseEndpoint(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === "https:" || url?.protocol === "http:") return url;
  throw new DownloadError(
    "download_failed",
    `Cannot use the ${what} ${JSON.stringify(text)}: it is no http or https URL; ` +
      `give one like ${DEFAULT_ENDPOINT}`,
  );
}

/** Appends a path to a base URL, which may have a path of its own. */
export function urlBelow(base: URL, path: string): URL {
  return new URL(path, base.href.endsWith("/") ? base : `${base.href}/`);
}

function endpointOf(hub: HubOptions): URL {
  return parseEndpoint(hub.endpoint ?? DEFAULT_ENDPOINT, "hub endpoint");
}

async function requestListing(
  url: URL,
  asked: RepositoryRequest,
  { signal, tuning }: Transfer,
): Promise<RepositoryListing> {
  const { token } = asked.hub;
  const reply = await request(url, { token, signal, stallMs: tuning.stallMs });
  try {
    checkStatus(reply, {
      explainRefusal: (status, headers) => explainListing(asked, status, headers),
    });
    return parseListing(asked, await readJson(asked, reply.body), reply.headers);
  } finally {
    await reply.cancel();
  }
}

async function readJson(
  asked: RepositoryRequest,
  body: AsyncIterable<Uint8Array>,
): Promise<JsonObject> {
  const decoder = new TextDecoder();
  let text = "";
  let numBytes = 0;
  for await (const chunk of body) {
    numBytes += chunk.length;
    if (numBytes > MAX_LISTING_BYTES) {
      throw badListing(asked, `more than ${MAX_LISTING_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  try {
    const json: unknown = JSON.parse(text + decoder.decode());
    if (isJsonObject(json)) return json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badListing(asked, "something that is no JSON object");
}

function parseListing(
  asked: RepositoryRequest,
  json: JsonObject,
  headers: Headers,
): RepositoryListing {
  const commit = json.sha ?? headers.get("x-repo-commit");
  if (typeof commit !== "string" || !COMMIT.test(commit)) throw badListing(asked, "no commit");
  if (!Array.isArray(json.siblings)) throw badListing(asked, "no list of files");
  const files = new Map<string, ListedFile>();
  for (const sibling of json.siblings) {
    if (!isJsonObject(sibling) || typeof sibling.rfilename !== "string") {
      throw badListing(asked, "a file without a name");
    }
    files.set(sibling.rfilename, parseSibling(sibling));
  }
  return { commit, files };
}

/** Large files are known by their SHA-256, small ones by git's name of their blob. */
function parseSibling({ size, lfs, blobId }: JsonObject): ListedFile {
  const isSize = typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  const digest = isJsonObject(lfs)
    ? parseDigest("sha256", lfs.sha256)
    : parseDigest("git-sha1", blobId);
  return { size: isSize ? size : null, digests: digest === null ? [] : [digest] };
}

function readHubDigests(name: string, asked: RepositoryRequest, headers: Headers): Digest[] {
  const digest = parseEtagDigest(headers.get("x-linked-etag")) ??
    parseEtagDigest(headers.get("etag"));
  if (digest !== null) return [digest];
  throw new DownloadError(
    "download_failed",
    `Cannot download ${name} of ${asked.repository}: the hub names no digest to check it with; ` +
      "use an endpoint that does",
  );
}

function explainListing(asked: RepositoryRequest, status: number, headers: Headers): EngineError {
  const { reference, repository, revision, hub } = asked;
  const { host } = endpointOf(hub);
  if (status === 404) {
    return new ModelNotFoundError(
      reference,
      headers.get("x-error-code") === "RevisionNotFound"
        ? `the repository ${repository} has no revision "${revision}" on ${host}; check it`
        : `${host} has no repository ${repository}; check the name`,
    );
  }
  return explainAccess(asked, status, headers) ?? new DownloadError(
    "download_failed",
    `Cannot download ${repository}: ${host} answers with status ${status}; check the endpoint`,
  );
}

/** What 401 and 403 mean: gated, private, or not there, which the hub does not tell to everyone; else null. */
function explainAccess(
  { reference, repository, hub }: RepositoryRequest,
  status: number,
  headers: Headers,
): EngineError | null {
  if (status !== 401 && status !== 403) return null;
  const { host } = endpointOf(hub);
  if (hub.token !== undefined) {
    return new DownloadError(
      "download_failed",
      `Cannot download ${repository}: ${host} refuses the access token (status ${status}); ` +
        "accept the licence on the repository's page with the token's account, or use another token",
    );
  }
  if (headers.get("x-error-code") === "RepoNotFound") {
    return new ModelNotFoundError(
      reference,
      `${host} has no public repository ${repository}; ` +
        "check the name, or set an access token if it is private",
    );
  }
  return new DownloadError(
    "download_failed",
    `Cannot download ${repository}: ${host} wants to know who asks (status ${status}), since it is ` +
      "gated or private; accept the licence on its page, then set an access token",
  );
}

function badListing({ repository, hub }: RepositoryRequest, what: string): DownloadError {
  return new DownloadError(
    "download_failed",
    `Cannot download ${repository}: ${endpointOf(hub).host} answered with ${what} instead of the ` +
      "repository's file list; check that the endpoint is a hub",
  );
}
