/**
 * Server-sent events: a pulled stream, so that a slow reader holds the writer back instead of filling memory.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @module
 */
import type { Limits } from "./context.ts";

/** One event. */
export interface SseFrame {
  /** Name, from a fixed set of the route. */
  event?: string;
  /** JSON text, or another text without a line break. */
  data: string;
}

/** Options of {@linkcode sseResponse}. */
export interface SseOptions extends Pick<Limits, "keepAliveMs" | "writeStallMs"> {
  /** Called once when the client left or stopped reading. */
  onAbort: () => void;
  /** Called once when all was sent. */
  onEnd: () => void;
}

const KEEP_ALIVE = Symbol("keep-alive");

/**
 * Sends the frames, one write each, as they are read. During silences a comment keeps the connection open; a client
 * that takes nothing for `writeStallMs` is cut off.
 *
 * @param frames must not throw: an error is a frame of the route's own shape
 */
export function sseResponse(frames: AsyncIterable<SseFrame>, options: SseOptions): Response {
  const encoder = new TextEncoder();
  const iterator = frames[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<SseFrame>> | undefined;
  let stallTimer: ReturnType<typeof setTimeout> | undefined;

  function leave(): void {
    clearTimeout(stallTimer);
    options.onAbort();
    void iterator.return?.();
  }

  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(stallTimer);
      pending ??= iterator.next();
      const result = await orKeepAlive(pending, options.keepAliveMs);
      if (result === KEEP_ALIVE) {
        controller.enqueue(encoder.encode(": keep-alive\n\n"));
      } else if (result.done) {
        controller.close();
        options.onEnd();
        return;
      } else {
        pending = undefined;
        controller.enqueue(encoder.encode(formatFrame(result.value)));
      }
      stallTimer = setTimeout(() => {
        controller.error(new Error("The client stopped reading"));
        leave();
      }, options.writeStallMs);
    },
    cancel: leave,
  }, { highWaterMark: 0 });

  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
  });
}

function formatFrame({ event, data }: SseFrame): string {
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`;
}

async function orKeepAlive<T>(
  pending: Promise<T>,
  keepAliveMs: number,
): Promise<T | typeof KEEP_ALIVE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<typeof KEEP_ALIVE>((resolve) => {
    timer = setTimeout(() => resolve(KEEP_ALIVE), keepAliveMs);
  });
  try {
    return await Promise.race([pending, silence]);
  } finally {
    clearTimeout(timer);
  }
}
