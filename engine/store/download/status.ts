/**
 * HTTP statuses of a hub: what may pass, and what will not.
 *
 * @module
 */
import { TransientError } from "./failures.ts";
import type { Reply } from "./http.ts";
import type { RemoteFile } from "./remote_file.ts";

/** Request timeout, too many requests, and the failures of a server or a gateway. */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Lets 200 and 206 pass.
 *
 * @throws {TransientError} the same request may succeed later
 * @throws what `explainRefusal` makes of every other status
 */
export function checkStatus(
  { status, headers }: Reply,
  { explainRefusal }: Pick<RemoteFile, "explainRefusal">,
): void {
  if (status === 200 || status === 206) return;
  if (TRANSIENT.has(status)) {
    throw new TransientError(`the server answered with status ${status}`, readRetryAfter(headers));
  }
  throw explainRefusal(status, headers);
}

/** `Retry-After` in ms: seconds or a date; null when absent or unreadable. */
function readRetryAfter(headers: Headers): number | null {
  const value = headers.get("retry-after");
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}
