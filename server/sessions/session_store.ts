/**
 * The sessions of this process: bounded in number, forgotten when nobody has used them for a while, lost at its end.
 *
 * @module
 */
import { ApiError } from "../errors.ts";
import type { SessionRequest } from "../schema/native.ts";
import { Session } from "./session.ts";

/** Options of {@linkcode SessionStore}. */
export interface SessionStoreOptions {
  /** @default 1000 */
  maxSessions?: number;
  /** Bytes of a session's transcript. @default 4194304 */
  maxTranscriptBytes?: number;
  /** Time without a request after which a session is forgotten, in ms. @default 3600000 */
  idleMs?: number;
  /** Monotonic clock, in ms. @default performance.now */
  now?: () => number;
}

/** Sessions by id. */
export class SessionStore {
  readonly #options: Required<SessionStoreOptions>;
  /** Least recently used first. */
  readonly #entries = new Map<string, { session: Session; usedAt: number }>();

  constructor(options: SessionStoreOptions = {}) {
    this.#options = {
      maxSessions: 1000,
      maxTranscriptBytes: 4 * 1024 * 1024,
      idleMs: 60 * 60 * 1000,
      now: () => performance.now(),
      ...options,
    };
  }

  /**
   * Starts a session.
   *
   * @throws {ApiError} 429: there are as many as may be
   */
  create(settings: SessionRequest): Session {
    this.#forgetIdle();
    const { maxSessions, maxTranscriptBytes } = this.#options;
    if (this.#entries.size >= maxSessions) throw tooManySessions(maxSessions);
    const session = new Session(settings, { maxBytes: maxTranscriptBytes });
    this.#touch(session);
    return session;
  }

  /**
   * Finds a session and counts that as a use of it.
   *
   * @throws {ApiError} 404: nothing has this id, or no longer
   */
  get(id: string): Session {
    this.#forgetIdle();
    const entry = this.#entries.get(id);
    if (entry === undefined) throw sessionNotFound(id);
    this.#touch(entry.session);
    return entry.session;
  }

  #touch(session: Session): void {
    this.#entries.delete(session.id);
    this.#entries.set(session.id, { session, usedAt: this.#options.now() });
  }

  #forgetIdle(): void {
    const oldest = this.#options.now() - this.#options.idleMs;
    for (const { session, usedAt } of [...this.#entries.values()]) {
      if (usedAt > oldest) return;
      // A prompt that runs for so long is a use of the session too.
      if (session.isBusy) this.#touch(session);
      else this.#entries.delete(session.id);
    }
  }
}

function tooManySessions(maxSessions: number): ApiError {
  return new ApiError(
    429,
    `There are ${maxSessions} sessions already; one that is not used for a while makes room`,
    { code: "too_many_sessions", headers: { "retry-after": "60" } },
  );
}

function sessionNotFound(id: string): ApiError {
  return new ApiError(
    404,
    `The session ${JSON.stringify(id.slice(0, 80))} does not exist, or was not used for too long`,
    { code: "session_not_found" },
  );
}
