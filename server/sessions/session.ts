/**
 * One conversation in memory. Its prompts run one after another; the transcript grows only by whole turns. Knows neither
 * HTTP routes nor the engine.
 *
 * @module
 */
import type { ChatMessage } from "../../engine/mod.ts";
import { ApiError } from "../errors.ts";
import type { SessionRequest } from "../schema/native.ts";

/** Prompts of one session that may wait for its turn. */
const MAX_WAITING = 64;

/** A conversation and the settings it was created with. */
export class Session {
  readonly id: string = crypto.randomUUID();
  readonly settings: Readonly<SessionRequest>;
  readonly #maxBytes: number;
  readonly #messages: ChatMessage[] = [];
  #numBytes = 0;
  /** Turns that run or wait. */
  #numTurns = 0;
  /** Settles when the last turn that was asked for has ended. */
  #tail: Promise<void> = Promise.resolve();

  /** @param options.maxBytes bound on the transcript's text, in bytes of UTF-8 */
  constructor(settings: SessionRequest, options: { maxBytes: number }) {
    this.settings = settings;
    this.#maxBytes = options.maxBytes;
  }

  /** Finished turns, oldest first; the system prompt is not one of them. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** Whether a turn runs or waits. */
  get isBusy(): boolean {
    return this.#numTurns > 0;
  }

  /**
   * Waits until all earlier turns have ended.
   *
   * @returns the turn; the caller must end it
   * @throws {ApiError} 413: the transcript is full; 429: too many turns wait
   * @throws the signal's reason
   */
  async begin(prompt: string, signal: AbortSignal): Promise<Turn> {
    if (this.#numTurns > MAX_WAITING) throw tooManyTurns();
    const ended = Promise.withResolvers<void>();
    const earlier = this.#tail;
    this.#tail = earlier.then(() => ended.promise);
    this.#numTurns++;
    const end = () => {
      this.#numTurns--;
      ended.resolve();
    };
    try {
      await Promise.race([earlier, rejectOnAbort(signal)]);
      const numBytes = this.#numBytes + byteLength(prompt);
      if (numBytes > this.#maxBytes) throw transcriptTooLarge(numBytes, this.#maxBytes);
    } catch (error) {
      end();
      throw error;
    }
    return new Turn({
      history: [...this.#messages],
      prompt,
      onReply: (reply) => this.#append(prompt, reply),
      onEnd: end,
    });
  }

  #append(prompt: string, reply: string): void {
    this.#messages.push({ role: "user", content: prompt }, { role: "assistant", content: reply });
    this.#numBytes += byteLength(prompt) + byteLength(reply);
  }
}

/** One prompt of a session, while no other runs. */
export class Turn {
  /** Finished turns and the prompt. */
  readonly messages: ChatMessage[];
  readonly #onReply: (reply: string) => void;
  readonly #onEnd: () => void;
  #hasEnded = false;

  constructor(options: {
    history: ChatMessage[];
    prompt: string;
    onReply: (reply: string) => void;
    onEnd: () => void;
  }) {
    this.messages = [...options.history, { role: "user", content: options.prompt }];
    this.#onReply = options.onReply;
    this.#onEnd = options.onEnd;
  }

  /** Adds prompt and reply to the transcript; too late once the turn has ended, since the next one may have begun. */
  commit(reply: string): void {
    if (!this.#hasEnded) this.#onReply(reply);
  }

  /** Lets the next turn begin. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function tooManyTurns(): ApiError {
  return new ApiError(429, `${MAX_WAITING} prompts of this session are waiting already`, {
    code: "queue_full",
    headers: { "retry-after": "1" },
  });
}

function transcriptTooLarge(numBytes: number, maxBytes: number): ApiError {
  return new ApiError(
    413,
    `The session's transcript would have ${numBytes} bytes, ${maxBytes} are allowed; start another session`,
    { code: "transcript_too_large" },
  );
}
