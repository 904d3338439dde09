/**
 * Adds the files of a download up into one progress, and reports it a few times a second.
 *
 * @module
 */
import type { DownloadProgress } from "../../types.ts";

/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 5_000;

interface FileProgress {
  numBytes: number;
  size: number | null;
  isDone: boolean;
}

/** Collects what files report. */
export class ProgressMeter {
  readonly #files = new Map<string, FileProgress>();
  readonly #samples: { at: number; numFetched: number }[] = [];
  #numFetched = 0;
  #lastReportAt = -Infinity;
  #isListed = false;

  /** @param reportMs least time between two reports */
  constructor(
    readonly onProgress: (progress: DownloadProgress) => void,
    readonly reportMs: number,
    readonly now: () => number = () => performance.now(),
  ) {}

  /** Announces a file; announcing it again changes its size. */
  addFile(name: string, size: number | null): void {
    const file = this.#files.get(name);
    if (file === undefined) this.#files.set(name, { numBytes: 0, size, isDone: false });
    else file.size = size;
  }

  /** All files are announced: from now on a total can be told. */
  endList(): void {
    this.#isListed = true;
  }

  /** `numBytes` of the file are on disk, `numFetched` of which have just come over the network. */
  setBytes(name: string, numBytes: number, numFetched = 0): void {
    this.#files.get(name)!.numBytes = numBytes;
    this.#numFetched += numFetched;
    this.#report(name, false);
  }

  /** The file is complete and checked. */
  finishFile(name: string, numBytes: number): void {
    this.#files.set(name, { numBytes, size: numBytes, isDone: true });
    this.#report(name, true);
  }

  /** Another process does the work. */
  reportWaiting(name: string): void {
    this.onProgress({ ...this.#read(name), isWaiting: true });
  }

  #report(name: string, isForced: boolean): void {
    const now = this.now();
    if (!isForced && now - this.#lastReportAt < this.reportMs) return;
    this.#lastReportAt = now;
    this.onProgress(this.#read(name));
  }

  #read(file: string): DownloadProgress {
    const files = [...this.#files.values()];
    const isSized = this.#isListed && files.every(({ size }) => size !== null);
    return {
      file,
      numBytes: files.reduce((sum, { numBytes }) => sum + numBytes, 0),
      totalBytes: isSized ? files.reduce((sum, { size }) => sum + (size ?? 0), 0) : null,
      numFiles: files.length,
      numFilesDone: files.filter(({ isDone }) => isDone).length,
      rate: this.#computeRate(),
    };
  }

  /** Bytes a second since the oldest sample of the window. */
  #computeRate(): number {
    const at = this.now();
    this.#samples.push({ at, numFetched: this.#numFetched });
    while (this.#samples.length > 2 && this.#samples[1]!.at <= at - RATE_WINDOW_MS) {
      this.#samples.shift();
    }
    const oldest = this.#samples[0]!;
    const elapsedMs = at - oldest.at;
    return elapsedMs <= 0 ? 0 : (this.#numFetched - oldest.numFetched) / elapsedMs * 1000;
  }
}
