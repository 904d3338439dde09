/**
 * How often, and after which pause, something that may pass is tried again.
 *
 * @module
 */
import { DownloadError } from "../../errors.ts";
import { sleep, type TransientError } from "./failures.ts";
import type { Transfer } from "./remote_file.ts";

/** Counts the failures of one thing. */
export class Retries {
  #numTries = 0;

  /** @param title what is fetched, for the message */
  constructor(readonly title: string, readonly transfer: Pick<Transfer, "signal" | "tuning">) {}

  /**
   * Waits before the next try.
   *
   * @param options `hasProgress` says that the failed try brought bytes: then the count starts anew
   * @throws {DownloadError} it has been tried often enough
   */
  async waitAfter(
    error: TransientError,
    options: { hasProgress?: boolean; maxTries?: number } = {},
  ): Promise<void> {
    const { signal, tuning } = this.transfer;
    const { hasProgress = false, maxTries = tuning.maxTries } = options;
    this.#numTries = hasProgress ? 1 : this.#numTries + 1;
    if (this.#numTries >= maxTries) {
      throw this.#giveUp(`${error.message}, ${this.#numTries} times in a row`, error);
    }
    if (error.retryAfterMs !== null && error.retryAfterMs > tuning.maxRetryAfterMs) {
      const seconds = Math.ceil(error.retryAfterMs / 1000);
      throw this.#giveUp(`${error.message} and asks to wait for ${seconds} s`, error);
    }
    await sleep(Math.max(this.#backoff(), error.retryAfterMs ?? 0), signal);
  }

  /** Doubles with each try; the upper half is random, so that many clients do not come back at once. */
  #backoff(): number {
    const { backoffMs, maxBackoffMs } = this.transfer.tuning;
    const longest = Math.min(backoffMs * 2 ** (this.#numTries - 1), maxBackoffMs);
    return longest * (0.5 + Math.random() / 2);
  }

  #giveUp(reason: string, cause: Error): DownloadError {
    return new DownloadError(
      "download_failed",
      `Cannot download ${this.title}: ${reason}; check the network and try again later: ` +
        "what has come is kept",
      { cause },
    );
  }
}
