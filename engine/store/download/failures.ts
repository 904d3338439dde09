/**
 * What goes wrong inside a download, told apart by what helps: another try, a start from zero, or a person.
 *
 * @module
 */
import { DownloadError } from "../../errors.ts";

/** May pass: the same request may succeed a moment later. The message completes "Cannot fetch X: …". */
export class TransientError extends Error {
  override name = "TransientError";

  /** `retryAfterMs` is the wait that the server asked for; null leaves it to us. */
  constructor(message: string, readonly retryAfterMs: number | null = null) {
    super(message);
  }
}

/** No connection comes about at all. */
export class UnreachableError extends TransientError {
  override name = "UnreachableError";
}

/** The bytes, or what the server says of them, are not those of the file. The message completes "Cannot fetch X: …". */
export class WrongContentError extends Error {
  override name = "WrongContentError";
}

/** Turns a failed file operation into a message that names the file and the remedy. */
export function toStorageError(action: string, path: string, error: unknown): unknown {
  // A missing permission of the program itself has its own exit code; everything else is about this file.
  if (!(error instanceof Error) || error instanceof Deno.errors.NotCapable) return error;
  if (error instanceof DOMException || error instanceof DownloadError) return error;
  const code = "code" in error ? error.code : undefined;
  const remedy = code === "ENOSPC" || code === "EDQUOT"
    ? "the disk is full; free some space or choose another models directory, then try again"
    : `${error.message}; check the models directory and its permissions, then try again`;
  return new DownloadError("download_failed", `Cannot ${action} "${path}": ${remedy}`, {
    cause: error,
  });
}

/** Waits, unless the signal ends the wait: then its reason is thrown. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
