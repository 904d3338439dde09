/**
 * What a download knows and shares: a file to fetch, and the circumstances of fetching.
 *
 * @module
 */
import type { Digest } from "./digest.ts";
import type { ProgressMeter } from "./progress.ts";
import type { DownloadTuning } from "./tuning.ts";

/** One file of a server, with all that is known of its content. */
export interface RemoteFile {
  /** Name in its directory, also for progress. */
  name: string;
  /** Name for messages, for example `params_shard_0.bin of mlc-ai/x`. */
  title: string;
  url: URL;
  /** Access token for the URL's own origin. */
  token: string | undefined;
  /** Where its bytes gather, absolute. */
  partPath: string;
  /** Bytes; null when only the server's answer will say. */
  size: number | null;
  /** More than this is not fetched, whatever the server says. */
  maxBytes: number;
  /** What it must hash to, all of them; none when only the server's answer will say. */
  digests: readonly Digest[];
  /** Reads digests from an answer's headers; asked when `digests` is empty. */
  readDigests(headers: Headers): Digest[];
  /** The error of an answer that is a refusal: 401, 403, 404 and other statuses that will not pass. */
  explainRefusal(status: number, headers: Headers): Error;
}

/** A file whose content was checked. */
export interface CheckedFile {
  name: string;
  /** Where it lies: the part, or the file of an earlier download. */
  path: string;
  bytes: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

/** What all files of a download share. */
export interface Transfer {
  signal: AbortSignal;
  tuning: Readonly<DownloadTuning>;
  meter: ProgressMeter;
}
