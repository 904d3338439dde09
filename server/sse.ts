/**
 * Server-sent events: a pulled stream, so that a slow reader holds the writer back instead of filling memory.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @module
 */
import type { Limits } from "./context.ts";
import { IdleTimer } from "./idle_timer.ts";
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

/** Frames of one write at most; a reader that lags far behind gets several writes. */
const MAX_WRITE_FRAMES = 64;

/**
 * Sends the frames as they are read, those that are there together in one write. During silences a comment keeps the
 * connection open; a client that takes nothing for `writeStallMs` is cut off.
 *
 * @param frames must not throw: an error is a frame of the route's own shape
 */
export function sseResponse(frames: AsyncIterable<SseFrame>, options: SseOptions): Response {
  const encoder = new TextEncoder();
  const reader = new FrameReader(frames);
  let body!: ReadableStreamDefaultController<Uint8Array>;
  let onSilence = () => {};
  const silence = new IdleTimer(options.keepAliveMs, () => onSilence());
  const stall = new IdleTimer(options.writeStallMs, () => {
    body.error(new Error("The client stopped reading"));
    leave();
  });

  function endTimers(): void {
    silence[Symbol.dispose]();
    stall[Symbol.dispose]();
  }

  function leave(): void {
    endTimers();
    options.onAbort();
    reader.leave();
  }

  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => void (body = controller),
    async pull(controller) {
      stall.stop();
      silence.restart();
      const silent = new Promise<void>((resolve) => onSilence = resolve);
      await Promise.race([reader.whenReady(), silent]);
      silence.stop();
      const text = await reader.takeReady(MAX_WRITE_FRAMES);
      if (text === "" && reader.isAtEnd) {
        endTimers();
        controller.close();
        options.onEnd();
        return;
      }
      controller.enqueue(encoder.encode(text === "" ? ": keep-alive\n\n" : text));
      stall.restart();
    },
    cancel: leave,
  }, { highWaterMark: 0 });

  return new Response(stream, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
  });
}

/**
 * Turns of the microtask queue in which a frame whose event is there comes out of the generators around it, of which no route
 * has so many.
 */
const READY_TURNS = 32;

/** Reads one frame ahead, so that it can be told whether one is there. */
class FrameReader {
  readonly #frames: AsyncIterator<SseFrame>;
  #read: Promise<void> | null = null;
  #result: IteratorResult<SseFrame> | null = null;

  constructor(frames: AsyncIterable<SseFrame>) {
    this.#frames = frames[Symbol.asyncIterator]();
  }

  /** Whether nothing follows what was taken. */
  get isAtEnd(): boolean {
    return this.#result?.done ?? false;
  }

  /** Resolves when a frame or the end is there. */
  whenReady(): Promise<void> {
    return this.#read ??= this.#frames.next().then((result) => void (this.#result = result));
  }

  /** Text of the frames that are there, without waiting for any that is not. */
  async takeReady(maxFrames: number): Promise<string> {
    let text = "";
    for (let numFrames = 0; numFrames < maxFrames; numFrames++) {
      this.whenReady().catch(() => {}); // fails again where it is awaited
      for (let turn = 0; this.#result === null && turn < READY_TURNS; turn++) await null;
      if (this.#result === null || this.#result.done) break;
      text += formatFrame(this.#result.value);
      this.#result = this.#read = null;
    }
    return text;
  }

  /** Nobody reads on. */
  leave(): void {
    void this.#frames.return?.();
  }
}

function formatFrame({ event, data }: SseFrame): string {
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`;
}
