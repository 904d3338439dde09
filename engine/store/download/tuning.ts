/**
 * The times and counts of a download, in one place, so that tests can shorten them.
 *
 * @module
 */

/** How patient a download is. Times in ms. */
export interface DownloadTuning {
  /** Files fetched at once. */
  concurrency: number;
  /** Without a byte for this long, a connection is given up. */
  stallMs: number;
  /** Tries of one request in a row that bring nothing; a try that brings bytes starts the count anew. */
  maxTries: number;
  /** The same for a hub that cannot be reached from the start: most likely there is no network. */
  maxContactTries: number;
  /** Longest wait before the second try; doubled before each further one. */
  backoffMs: number;
  /** Bound of that doubling. */
  maxBackoffMs: number;
  /** A server that asks for a longer wait than this is not waited for. */
  maxRetryAfterMs: number;
  /** Between two looks at a lock that another process holds. */
  lockPollMs: number;
  /** Least time between two reports of progress. */
  reportMs: number;
}

/** What users get. */
export const DEFAULT_TUNING: Readonly<DownloadTuning> = {
  concurrency: 4,
  stallMs: 30_000,
  maxTries: 6,
  maxContactTries: 2,
  backoffMs: 500,
  maxBackoffMs: 30_000,
  maxRetryAfterMs: 120_000,
  lockPollMs: 250,
  reportMs: 100,
};
