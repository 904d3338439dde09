/**
 * A port that speaks HTTP/1.1, on Deno's `node:http`: unlike `Deno.serve` it tells when a client leaves while its answer is computed,
 * parses strictly, and has deadlines and a limit of connections.
 *
 * @module
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ApiError, toApiError, toErrorResponse } from "./errors.ts";
import { log } from "./log.ts";

/** Time for a request's head, in ms; the body has its own. */
const HEAD_TIMEOUT_MS = 30_000;

/** How long a connection may lie idle between requests, in ms: longer than clients keep theirs. */
const IDLE_TIMEOUT_MS = 75_000;

/** How often both are looked at, in ms. */
const CHECK_INTERVAL_MS = 5_000;

/** Time for a client to stop sending a body that nobody reads, in ms; closing at once could take its reply from it. */
const LINGER_MS = 4_000;

/** Of a request's head: above the limit of the routes, which say in their own words what is too much. */
const MAX_HEAD_BYTES = 64 * 1024;

const MAX_CONNECTIONS = 4_096;

/**
 * File handles that connections leave to others: models, stores, and what the system accepts before it is turned away. Without a
 * free one the runtime stops accepting, and never goes on.
 */
const SPARE_HANDLES = 600;

/** Gets a request whose signal fires when the client leaves before it has the whole reply. */
type Handler = (request: Request) => Response | Promise<Response>;

/** The address that is bound. */
interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Says which port cannot be had, and why. */
function toListenError({ host, port }: ListenAddress, cause: NodeJS.ErrnoException): Error {
  const { AddrInUse, AddrNotAvailable, PermissionDenied } = Deno.errors;
  const [ListenError, why] = {
    EADDRINUSE: [AddrInUse, "another program does; stop it or choose another --port"] as const,
    EADDRNOTAVAIL: [AddrNotAvailable, "no network of this machine has this address"] as const,
    EINVAL: [AddrNotAvailable, "no network of this machine has this address"] as const, // what Deno 2.9 makes of it
    ENOTFOUND: [AddrNotAvailable, "the name has no address; choose another --host"] as const,
    EACCES: [PermissionDenied, "this user may not; choose a --port from 1024 on"] as const,
  }[cause.code ?? ""] ?? [AddrNotAvailable, cause.message];
  return new ListenError(`Cannot listen on ${host}:${port}: ${why}`, { cause });
}

/** Hands every request to a handler of web requests, and counts those whose reply is not fully sent. */
export class HttpListener {
  readonly #server: Server;
  readonly #replies = new Set<Promise<void>>();
  readonly #handle: Handler;

  private constructor(handle: Handler) {
    this.#handle = handle;
    const options = {
      headersTimeout: HEAD_TIMEOUT_MS,
      requestTimeout: 0,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      maxHeaderSize: MAX_HEAD_BYTES,
    };
    const onRequest: RequestListener = (incoming, outgoing) => {
      const reply = this.#answer(incoming, outgoing).finally(() => this.#replies.delete(reply));
      this.#replies.add(reply);
    };
    this.#server = createServer(options, onRequest);
    // Without a listener an unknown Expect is refused, and its body is empty; the header asks for nothing that routes do.
    this.#server.on("checkExpectation", onRequest);
  }

  /**
   * @param maxConnections at once; those beyond are closed as they come. As many as there are file handles for, if not given
   * @throws {Deno.errors.AddrInUse} another program listens there
   * @throws {Deno.errors.AddrNotAvailable} the host is none of this machine
   * @throws {Deno.errors.PermissionDenied} this user may not
   */
  static async listen(
    address: ListenAddress,
    handle: Handler,
    maxConnections?: number,
  ): Promise<HttpListener> {
    const listener = new HttpListener(handle);
    const server = listener.#server;
    limitConnections(server, maxConnections ?? await countConnectionHandles());
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) => reject(toListenError(address, cause)));
      server.listen(address.port, address.host, () => resolve());
    });
    server.on("error", (error) => log.error("The port failed: {error}", { error: error.message }));
    return listener;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
  }

  /** Requests whose reply is not fully sent. */
  get numRequests(): number {
    return this.#replies.size;
  }

  /** Resolves when there are none. */
  async whenIdle(): Promise<void> {
    while (this.#replies.size > 0) await Promise.all(this.#replies);
  }

  /** Takes no more connections; resolves when those that are left have ended. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await this.whenIdle();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Resolves when the reply is sent, or nobody waits for it any more. */
  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const closed = new Promise<void>((resolve) => outgoing.once("close", () => resolve()));
    const left = new AbortController();
    closed.then(() => {
      if (!outgoing.writableFinished) left.abort(new DOMException("The client left", "AbortError"));
    });
    try {
      await send(await this.#respond(incoming, left.signal), outgoing, left.signal);
    } catch {
      outgoing.destroy(); // the client sees a reply that breaks off; why, the route has told
    }
    await closed;
    if (!incoming.complete && !incoming.socket.destroyed) lingerOn(incoming);
  }

  async #respond(incoming: IncomingMessage, signal: AbortSignal): Promise<Response> {
    try {
      return await this.#handle(toRequest(incoming, signal));
    } catch (error) {
      return toErrorResponse(toApiError(error), pathOf(incoming));
    }
  }
}

/** A name or an address, and a port; nothing that could begin a path. */
const AUTHORITY = /^[A-Za-z0-9._-]+(?::\d+)?$|^\[[0-9A-Fa-f:.]+\](?::\d+)?$/;

/** What a URL would leave out, and so name another path than the client. */
const DOT_SEGMENT = /(?:^|[\\/])(?:\.|%2e){1,2}(?:[\\/]|$)/i;

/** As it was sent. */
function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split(/[?#]/, 1)[0]!;
}

/** @throws {ApiError} a target that is no URL, or a method that web requests do not have */
function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = "GET", url = "/", rawHeaders } = incoming;
  if (DOT_SEGMENT.test(pathOf(incoming))) {
    throw new ApiError(404, "No path has a segment that leads elsewhere, . or ..", {
      code: "not_found",
    });
  }
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  // A target in absolute form brings its own authority. Where Host is none, any does: the header is refused.
  const { host = "" } = incoming.headers;
  const authority = AUTHORITY.test(host) ? host : "localhost";
  const target = url.startsWith("/") ? `http://${authority}${url}` : url;
  const hasBody = method !== "GET" && method !== "HEAD";
  try {
    const body = hasBody ? { body: toStream(incoming) } : {};
    return new Request(target, { method, headers, signal, ...body });
  } catch (cause) {
    throw new ApiError(400, "The request line is none that this server takes", {
      code: "invalid_request",
      cause,
    });
  }
}

/** Read as it is pulled. Who cancels it leaves the connection open for a reply. */
function toStream(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  return ReadableStream.from<Uint8Array>(incoming.iterator({ destroyOnReturn: false }));
}

const CLOSE = { connection: "close" };

/** Throws away what still comes of a body, and after a while the connection. */
function lingerOn(incoming: IncomingMessage): void {
  const timer = setTimeout(() => incoming.socket.destroy(), LINGER_MS);
  incoming.socket.once("close", () => clearTimeout(timer));
  incoming.once("end", () => clearTimeout(timer));
  incoming.resume();
}

/**
 * Event streams go out as they come, as fast as the client takes them; all else at once, with its length.
 *
 * @throws what the body throws
 */
async function send(
  response: Response,
  outgoing: ServerResponse,
  left: AbortSignal,
): Promise<void> {
  const { status, headers, body } = response;
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  // Who was too slow is not waited for a second time.
  const fields = { ...Object.fromEntries(headers), ...(status === 408 ? CLOSE : {}) };
  if (body === null || !isStream) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    const hasLength = status !== 204 && status !== 304 && outgoing.req.method !== "HEAD";
    outgoing.writeHead(status, hasLength ? { ...fields, "content-length": bytes.length } : fields);
    outgoing.end(bytes);
    return;
  }
  outgoing.writeHead(status, fields);
  outgoing.flushHeaders();
  const reader = body.getReader();
  const cancel = () => void reader.cancel(left.reason).catch(() => {});
  left.addEventListener("abort", cancel);
  if (left.aborted) cancel();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (!outgoing.write(part.value)) await drained(outgoing, left);
  }
  left.removeEventListener("abort", cancel);
  outgoing.end();
}

/** Resolves when there is room for more, or nobody will read it. */
function drained(outgoing: ServerResponse, left: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const onReady = () => {
      outgoing.off("drain", onReady);
      left.removeEventListener("abort", onReady);
      resolve();
    };
    outgoing.on("drain", onReady);
    left.addEventListener("abort", onReady);
  });
}

/** Closes connections beyond so many as they come. */
function limitConnections(server: Server, maxConnections: number): void {
  let numConnections = 0;
  let isFull = false;
  server.on("connection", (socket: Socket) => {
    numConnections++;
    socket.once("close", () => {
      numConnections--;
      if (numConnections <= maxConnections / 2) isFull = false;
    });
    if (numConnections <= maxConnections) return;
    if (!isFull) log.warn("Closing connections beyond the limit of {n}", { n: maxConnections });
    isFull = true;
    socket.destroy();
  });
}

/** Connections that the process has file handles for. */
async function countConnectionHandles(): Promise<number> {
  let limits: string;
  try {
    limits = await Deno.readTextFile("/proc/self/limits");
  } catch {
    return MAX_CONNECTIONS; // no Linux
  }
  const maxHandles = Number(limits.match(/^Max open files\s+(\d+)/m)?.[1] ?? Infinity);
  const free = maxHandles - SPARE_HANDLES;
  if (free < 64) {
    const message =
      "Only {n} file handles: many connections at once will stop the server; see ulimit -n";
    log.warn(message, { n: maxHandles });
  }
  return Math.max(16, Math.min(MAX_CONNECTIONS, free));
}
