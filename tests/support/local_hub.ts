/**
 * A model hub on loopback, with a content server on a second port as the public one has, which fails by script.
 *
 * @module
 */
import { bodyOf, type ServedRange } from "./local_hub_body.ts";
import {
  describeFile,
  type Snapshot,
  snapshotDirectory,
  type SnapshotFile,
} from "./local_hub_files.ts";

/** Something that goes wrong while a file is served. */
export interface Fault {
  /** File name, or `api` for the list of files; absent is any file. */
  file?: string;
  /** How often it happens. @default 1 */
  times?: number;
  /** Ends the connection after so many bytes of the answer. */
  cutAfter?: number;
  /** Changes the byte at this offset of the file. */
  wrongByteAt?: number;
  /** Sends nothing more after so many bytes of the answer. */
  stallAfter?: number;
  bytesPerSecond?: number;
  /** Answers with a status instead of the file. */
  status?: number;
  /** Headers laid over the answer's own; an empty text removes one. */
  headers?: Record<string, string>;
  /** Answers every request with the whole file. */
  ignoreRange?: boolean;
  /** Redirects the hub's answer to here instead of the content server. */
  redirectTo?: string;
}

/** What to serve. */
export interface LocalHubOptions {
  /** Directories by repository, `org/name`. */
  packages?: Record<string, string>;
  /** Files of compiled libraries, by their path below the library endpoint. */
  libraries?: Record<string, string>;
  /** Repositories that need an access token. */
  tokens?: Record<string, string>;
  faults?: Fault[];
  /** Sizes that the list of files claims, by file name. */
  claimedSizes?: Record<string, number>;
  /** Whether the list of files leaves out sizes and digests, as simple mirrors do. @default false */
  isPlainListing?: boolean;
}

/** A request that came, and how it was answered. */
export interface HubRequest {
  server: "hub" | "cdn" | "library";
  path: string;
  /** File name, or `api`. */
  file: string;
  headers: Headers;
  status: number;
  /** Bytes of files that were sent so far. */
  numBytes: number;
}

/** A running hub; disposing it ends it. */
export interface LocalHub extends AsyncDisposable {
  endpoint: string;
  libraryEndpoint: string;
  /** In the order of their arrival. */
  requests: HubRequest[];
  faults: Fault[];
  /** Gives a repository other content: its branch moves. */
  publish(repository: string, dir: string): void;
  /** Commit that the branch of a repository is at. */
  commitOf(repository: string): string;
  /** Bytes of files served so far, of all or of one. */
  countBytes(file?: string): number;
  close(): Promise<void>;
}

const LISTEN = { hostname: "127.0.0.1", port: 0, onListen() {} };

/** Starts a hub that serves packages and libraries until it is closed. */
export function startLocalHub(options: LocalHubOptions): LocalHub {
  const hub = new Hub(options);
  for (const [repository, dir] of Object.entries(options.packages ?? {})) {
    hub.publish(repository, dir);
  }
  return hub;
}

class Hub implements LocalHub {
  readonly requests: HubRequest[] = [];
  readonly faults: Fault[];
  readonly endpoint: string;
  readonly libraryEndpoint: string;
  readonly #branches = new Map<string, Snapshot>();
  readonly #commits = new Map<string, Snapshot>();
  readonly #closed = new AbortController();
  readonly #servers: Deno.HttpServer<Deno.NetAddr>[];
  readonly #cdn: string;

  constructor(readonly options: LocalHubOptions) {
    this.faults = [...options.faults ?? []];
    const handlers = [this.#answerHub, this.#answerCdn, this.#answerLibrary];
    this.#servers = handlers.map((handler) => Deno.serve(LISTEN, handler.bind(this)));
    const [hub, cdn, library] = this.#servers.map(({ addr }) => `http://127.0.0.1:${addr.port}`);
    [this.endpoint, this.#cdn, this.libraryEndpoint] = [hub!, cdn!, library!];
  }

  publish(repository: string, dir: string): void {
    const snapshot = snapshotDirectory(dir);
    this.#branches.set(repository, snapshot);
    this.#commits.set(snapshot.commit, snapshot);
  }

  commitOf(repository: string): string {
    return this.#branches.get(repository)!.commit;
  }

  countBytes(file?: string): number {
    return this.requests.filter((request) => file === undefined || request.file === file)
      .reduce((sum, { numBytes }) => sum + numBytes, 0);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#servers.map((server) => server.shutdown()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #answerHub(request: Request): Response {
    const { pathname } = new URL(request.url);
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(pathname);
    if (api !== null) return this.#answerApi(request, api[1]!, decodeURIComponent(api[2]!));
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
    if (resolve === null) {
      return this.#record(request, "hub", "", new Response(null, { status: 404 }));
    }
    const [, repository, commit, file] = resolve as unknown as [string, string, string, string];
    return this.#answerResolve(request, repository, commit, decodeURIComponent(file));
  }

  #answerApi(request: Request, repository: string, revision: string): Response {
    const fault = this.#takeFault("api");
    const reply = (response: Response) => this.#record(request, "hub", "api", response);
    if (fault?.status !== undefined) return reply(refusal(fault));
    const branch = this.#branches.get(repository);
    // The public hub does not tell strangers whether a repository exists.
    if (branch === undefined) {
      return reply(refusal({ status: 401, headers: { "x-error-code": "RepoNotFound" } }));
    }
    if (revision !== "main" && revision !== branch.commit) {
      return reply(refusal({ status: 404, headers: { "x-error-code": "RevisionNotFound" } }));
    }
    const siblings = [...branch.files.values()].map((file) => this.#toSibling(file));
    const headers = { "x-repo-commit": branch.commit, ...fault?.headers };
    return reply(Response.json({ id: repository, sha: branch.commit, siblings }, { headers }));
  }

  #toSibling(file: SnapshotFile): Record<string, unknown> {
    const { name, sha256, blobId, isLarge } = file;
    if (this.options.isPlainListing) return { rfilename: name };
    const size = this.options.claimedSizes?.[name] ?? file.size;
    const lfs = isLarge ? { lfs: { sha256, size, pointerSize: 134 } } : {};
    return { rfilename: name, size, blobId, ...lfs };
  }

  #answerResolve(request: Request, repository: string, commit: string, name: string): Response {
    const reply = (response: Response) => this.#record(request, "hub", name, response);
    const token = this.options.tokens?.[repository];
    const given = request.headers.get("authorization");
    if (token !== undefined && given !== `Bearer ${token}`) {
      const status = given === null ? 401 : 403;
      return reply(refusal({ status, headers: { "x-error-code": "GatedRepo" } }));
    }
    const file = this.#commits.get(commit)?.files.get(name);
    if (file === undefined) return reply(refusal({ status: 404 }));
    if (!file.isLarge) return this.#serve(request, "hub", file, `"${file.blobId}"`, commit);
    const redirect = this.faults.find(({ file, redirectTo, times = 1 }) =>
      redirectTo !== undefined && times > 0 && (file ?? name) === name
    );
    const location = redirect === undefined
      ? `${this.#cdn}/${commit}/${name}?signature=x`
      : use(redirect).redirectTo!;
    return reply(
      new Response(null, {
        status: 302,
        headers: {
          location,
          "x-linked-size": String(file.size),
          "x-linked-etag": `"${file.sha256}"`,
          "x-repo-commit": commit,
        },
      }),
    );
  }

  #answerCdn(request: Request): Response {
    const [, commit, name] = new URL(request.url).pathname.split("/");
    const file = this.#commits.get(commit!)?.files.get(name!);
    if (file === undefined) return this.#record(request, "cdn", name!, refusal({ status: 404 }));
    return this.#serve(request, "cdn", file, `"${file.sha256}"`, commit!);
  }

  #answerLibrary(request: Request): Response {
    const name = new URL(request.url).pathname.slice(1);
    const path = this.options.libraries?.[name];
    const short = name.slice(name.lastIndexOf("/") + 1);
    if (path === undefined) {
      return this.#record(request, "library", short, refusal({ status: 404 }));
    }
    const file = describeFile(short, path);
    return this.#serve(request, "library", file, `W/"${file.sha256}"`, "");
  }

  #serve(
    request: Request,
    server: HubRequest["server"],
    file: SnapshotFile,
    etag: string,
    commit: string,
  ): Response {
    const fault = this.#takeFault(file.name);
    const currentEtag = fault?.headers?.etag ?? etag;
    const record = (response: Response) => this.#record(request, server, file.name, response);
    if (fault?.status !== undefined) return record(refusal(fault));
    const range = readRange(request.headers, file.size, currentEtag, fault);
    if (range === "unsatisfiable") {
      return record(refusal({ status: 416, headers: { "content-range": `bytes */${file.size}` } }));
    }
    const headers = new Headers({
      "accept-ranges": "bytes",
      "content-length": String(range.end - range.start),
      etag,
      ...(commit === "" ? {} : { "x-repo-commit": commit }),
      ...(range.isPartial
        ? { "content-range": `bytes ${range.start}-${range.end - 1}/${file.size}` }
        : {}),
      ...fault?.headers,
    });
    for (const [name, value] of [...headers]) if (value === "") headers.delete(name);
    const entry: HubRequest = newRequest(request, server, file.name, range.isPartial ? 206 : 200);
    this.requests.push(entry);
    const body = bodyOf(
      file.path,
      range,
      fault ?? {},
      this.#closed.signal,
      (n) => entry.numBytes += n,
    );
    return new Response(body, { status: entry.status, headers });
  }

  #takeFault(file: string): Fault | undefined {
    const fault = this.faults.find((fault) =>
      fault.redirectTo === undefined && (fault.times ?? 1) > 0 &&
      (fault.file === file || (fault.file === undefined && file !== "api"))
    );
    return fault && use(fault);
  }

  #record(
    request: Request,
    server: HubRequest["server"],
    file: string,
    response: Response,
  ): Response {
    this.requests.push(newRequest(request, server, file, response.status));
    return response;
  }
}

function use(fault: Fault): Fault {
  fault.times = (fault.times ?? 1) - 1;
  return fault;
}

function newRequest(
  request: Request,
  server: HubRequest["server"],
  file: string,
  status: number,
): HubRequest {
  const { pathname } = new URL(request.url);
  return { server, path: pathname, file, headers: request.headers, status, numBytes: 0 };
}

function refusal({ status = 500, headers = {} }: Pick<Fault, "status" | "headers">): Response {
  return new Response("refused", { status, headers });
}

function readRange(
  headers: Headers,
  size: number,
  etag: string,
  fault: Fault | undefined,
): ServedRange | "unsatisfiable" {
  const whole = { start: 0, end: size, isPartial: false };
  const match = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "");
  const ifRange = headers.get("if-range");
  if (match === null || fault?.ignoreRange || (ifRange !== null && ifRange !== etag)) return whole;
  const start = Number(match[1]);
  return start >= size ? "unsatisfiable" : { start, end: size, isPartial: true };
}
