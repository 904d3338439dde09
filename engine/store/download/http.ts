/**
 * One GET under the rules for servers that are not trusted: few redirects and only to public hosts, the token
 * for its own host alone, and no waiting for a silent connection.
 *
 * @module
 */
import { DownloadError } from "../../errors.ts";
import { TransientError, UnreachableError } from "./failures.ts";
import { isPublicHost } from "./public_host.ts";

/** The hub redirects once, a mirror twice. */
const MAX_REDIRECTS = 5;

/** Options of {@linkcode request}. */
export interface RequestOptions {
  /** Sent to every host on the way. */
  headers?: Record<string, string>;
  /** Sent to the first URL's own origin only. */
  token?: string | undefined;
  signal: AbortSignal;
  /** Longest silence, in ms. */
  stallMs: number;
}

/** What came back: any status but a redirect. */
export interface Reply {
  status: number;
  /** Headers of the last answer, with those `X-` ones of the redirects that it does not have itself. */
  headers: Headers;
  /** Chunks of the body; throws {@linkcode TransientError} when it is cut or stalls. */
  body: AsyncGenerator<Uint8Array, void, void>;
  /** Drops the body. */
  cancel(): Promise<void>;
}

/**
 * Sends a request and follows its redirects.
 *
 * @throws {TransientError} no connection, or silence
 * @throws {DownloadError} a redirect that is not followed
 */
export async function request(url: URL, options: RequestOptions): Promise<Reply> {
  const linked = new Headers();
  let target = url;
  for (let numRedirects = 0; numRedirects <= MAX_REDIRECTS; numRedirects++) {
    const exchange = new Exchange(options);
    const response = await exchange.send(target, target.origin === url.origin);
    const location = isRedirect(response.status) ? response.headers.get("location") : null;
    if (location === null) return toReply(response, linked, exchange);
    for (const [name, value] of response.headers) if (/^x-/i.test(name)) linked.set(name, value);
    await exchange.cancel(response);
    target = resolveRedirect(url, target, location);
  }
  throw new DownloadError(
    "download_failed",
    `${url.host} redirected more than ${MAX_REDIRECTS} times; check the hub's endpoint`,
  );
}

/** A request and its answer on one connection, with a watch on silence. */
class Exchange {
  readonly #stall = new AbortController();
  readonly #signal: AbortSignal;

  constructor(readonly options: RequestOptions) {
    this.#signal = AbortSignal.any([options.signal, this.#stall.signal]);
  }

  async send(url: URL, isOwnHost: boolean): Promise<Response> {
    const { token } = this.options;
    const headers = new Headers(this.options.headers);
    // Compressed bytes have other offsets and lengths than the file.
    headers.set("accept-encoding", "identity");
    if (token !== undefined && isOwnHost) headers.set("authorization", `Bearer ${token}`);
    const init = { headers, redirect: "manual", signal: this.#signal } as const;
    return await this.#watch(
      () => fetch(url, init),
      (reason) => new UnreachableError(`${url.host} cannot be reached (${reason})`),
    );
  }

  async *read(response: Response): AsyncGenerator<Uint8Array, void, void> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    try {
      while (true) {
        const { done, value } = await this.#watch(
          () => reader.read(),
          (reason) => new TransientError(`the connection was cut (${reason})`),
        );
        if (done) return;
        yield value;
      }
    } finally {
      await this.cancel(response, reader);
    }
  }

  async cancel(
    response: Response,
    reader: { cancel(): Promise<void> } | null = response.body,
  ): Promise<void> {
    // A body that failed already rejects its cancellation with the error that was reported.
    await reader?.cancel().catch(() => {});
  }

  /** Runs one network operation; silence longer than `stallMs` aborts it. */
  async #watch<T>(
    operation: () => Promise<T>,
    toError: (reason: string) => TransientError,
  ): Promise<T> {
    const { signal, stallMs } = this.options;
    const timer = setTimeout(() => this.#stall.abort(), stallMs);
    try {
      return await operation();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (this.#stall.signal.aborted) {
        throw new TransientError(`no byte came for ${stallMs / 1000} s`);
      }
      if (error instanceof TypeError) throw toError(describe(error));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function toReply(response: Response, linked: Headers, exchange: Exchange): Reply {
  for (const [name, value] of response.headers) linked.set(name, value);
  return {
    status: response.status,
    headers: linked,
    body: exchange.read(response),
    cancel: () => exchange.cancel(response),
  };
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** The next URL: on the first URL's own host as it is, elsewhere only over https and on a public host. */
function resolveRedirect(first: URL, current: URL, location: string): URL {
  const next = URL.canParse(location, current) ? new URL(location, current) : null;
  if (next === null) throw refuseRedirect(first, "to no URL");
  const isOwnHost = next.hostname === first.hostname &&
    (next.protocol === first.protocol || next.protocol === "https:");
  if (isOwnHost) return next;
  if (next.protocol !== "https:") {
    throw refuseRedirect(first, `to ${next.host || next.protocol} without https`);
  }
  if (!isPublicHost(next.hostname)) {
    throw refuseRedirect(first, `to ${next.host}, which is no public host`);
  }
  return next;
}

function refuseRedirect(first: URL, where: string): DownloadError {
  return new DownloadError(
    "download_failed",
    `${first.host} redirected ${where}, which is not followed; check the hub's endpoint`,
  );
}

/** The innermost reason, which is the part that tells something. */
function describe(error: TypeError): string {
  const text = error.cause instanceof Error ? error.cause.message : error.message;
  return text.replace(/^.*\): /, "");
}
