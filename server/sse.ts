/**
 * Server-sent events: a pulled stream, so that a slow reader holds the writer back instead of filling memory.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @module
 */
import type { Limits } from "./context.ts";
import { withinTime } from "./waiting.ts";

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

/**
 * Sends the frames once the request has begun. As long as nobody has waited too long, a refusal has a status of its own; then
 * the stream is opened, kept alive, and has to carry it.
 *
 * @param started settles when the request is accepted or refused, which may take a download
 * @throws what `started` throws in time; `onAbort` has then been called
 */
export async function sseReply(
  started: Promise<unknown>,
  frames: AsyncIterable<SseFrame>,
  options: SseOptions & {
    /** How long the client hears nothing at all. @default keepAliveMs */
    openAfterMs?: number;
  },
): Promise<Response> {
  try {
    await withinTime(started, options.openAfterMs ?? options.keepAliveMs);
  } catch (error) {
    options.onAbort();
    throw error;
  }
  return sseResponse(frames, options);
}

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
      const result = await withinTime(pending, options.keepAliveMs);
      if (result === undefined) {
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
