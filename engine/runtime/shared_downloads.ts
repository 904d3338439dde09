/**
 * Downloads that several requests wait for: each model is fetched once, for as long as anyone wants it. Knows neither hub nor
 * files.
 *
 * @module
 */
import type { DownloadOptions, DownloadProgress } from "../types.ts";
import { untilAborted } from "./waiting.ts";

/** Fetches one model. */
export type Fetch = (
  options: { signal: AbortSignal; onProgress: (progress: DownloadProgress) => void },
) => Promise<void>;

/** A download that is under way. */
interface SharedDownload {
  done: Promise<void>;
  controller: AbortController;
  listeners: Set<(progress: DownloadProgress) => void>;
  numWaiting: number;
  /** Repeated for whoever comes later. */
  progress: DownloadProgress | null;
}

/** The downloads that are under way. */
export class SharedDownloads {
  readonly #downloads = new Map<string, SharedDownload>();

  /**
   * Joins the download with this key, or starts it. It is stopped when all who wait for it have left.
   *
   * @throws what `fetch` throws, or the reason of `signal`
   */
  async join(
    key: string,
    fetch: Fetch,
    { signal, onProgress }: Omit<DownloadOptions, "force"> = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    const download = this.#downloads.get(key) ?? this.#start(key, fetch);
    download.numWaiting++;
    if (onProgress) {
      download.listeners.add(onProgress);
      if (download.progress !== null) onProgress(download.progress);
    }
    try {
      await untilAborted(download.done, signal);
    } finally {
      if (onProgress) download.listeners.delete(onProgress);
      if (--download.numWaiting === 0) this.#stop(key, download);
    }
  }

  /** Stops all downloads; what has come stays on disk for the next try. */
  close(reason: Error): void {
    for (const [key, download] of this.#downloads) this.#stop(key, download, reason);
  }

  #start(key: string, fetch: Fetch): SharedDownload {
    const controller = new AbortController();
    const listeners: SharedDownload["listeners"] = new Set();
    const onProgress = (progress: DownloadProgress) => {
      download.progress = progress;
      for (const listener of listeners) listener(progress);
    };
    const { signal } = controller;
    const done = Promise.resolve().then(() => fetch({ signal, onProgress }));
    const download: SharedDownload = {
      done,
      controller,
      listeners,
      numWaiting: 0,
      progress: null,
    };
    this.#downloads.set(key, download);
    return download;
  }

  /** Whoever comes now starts anew. */
  #stop(key: string, download: SharedDownload, reason?: Error): void {
    if (this.#downloads.get(key) === download) this.#downloads.delete(key);
    download.controller.abort(reason);
  }
}
