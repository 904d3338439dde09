import { ApiError } from "../errors.ts";
import type { AppMiddleware, Limits } from "../context.ts";

/** Bounds of {@linkcode requestLimits}. */
export type RequestLimits = Pick<
  Limits,
  "maxUriBytes" | "maxHeaderBytes" | "maxHeaderFields" | "maxRequests" | "maxStreams"
>;

/**
 * Refuses requests that are too large in the head, and more requests or event streams at once than the server should hold.
 * A request counts until its reply is made, an event stream until its last byte was taken.
 */
export function requestLimits(limits: RequestLimits): AppMiddleware {
  let numRequests = 0;
  let numStreams = 0;
  return async (c, next) => {
    checkHead(c.req.raw, limits);
    if (numRequests >= limits.maxRequests) throw tooMany("requests", limits.maxRequests);
    numRequests++;
    let isHeld = false;
    try {
      await next();
      const { body, headers } = c.res;
      if (body === null || !headers.get("content-type")?.startsWith("text/event-stream")) return;
      if (numStreams >= limits.maxStreams) {
        await body.cancel(); // frees what the stream had begun
        throw tooMany("event streams", limits.maxStreams);
      }
      numStreams++;
      isHeld = true;
      const watched = watchEnd(body, () => {
        numRequests--;
        numStreams--;
      });
      c.res = new Response(watched, c.res);
    } finally {
      if (!isHeld) numRequests--;
    }
  };
}

function checkHead(request: Request, limits: RequestLimits): void {
  if (request.url.length > limits.maxUriBytes) {
    throw new ApiError(414, `The URI is longer than the limit of ${limits.maxUriBytes} bytes`, {
      code: "uri_too_long",
    });
  }
  let numFields = 0;
  let numBytes = request.url.length;
  for (const [name, value] of request.headers) {
    numFields++;
    numBytes += name.length + value.length + 4; // colon, space and line break
  }
  if (numFields > limits.maxHeaderFields || numBytes > limits.maxHeaderBytes) {
    throw new ApiError(
      431,
      `The request head has ${numFields} fields and ${numBytes} bytes; ` +
        `at most ${limits.maxHeaderFields} and ${limits.maxHeaderBytes} are allowed`,
      { code: "request_header_fields_too_large" },
    );
  }
}

function tooMany(what: string, limit: number): ApiError {
  return new ApiError(503, `The server holds ${limit} ${what} already; try again later`, {
    code: "server_overloaded",
    headers: { "retry-after": "1" },
  });
}

/** The same bytes, pulled as they are read; `onEnd` is called once, after the last one or when nobody reads on. */
function watchEnd(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let hasEnded = false;
  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    onEnd();
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
        end();
      } catch (error) {
        controller.error(error);
        end();
      }
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
