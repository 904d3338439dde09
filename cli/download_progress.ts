/**
 * Shows a download: one live line on a terminal, a line every tenth of the way elsewhere.
 *
 * @module
 */
import type { DownloadProgress } from "../engine/mod.ts";
import { readColumns, shorten } from "./terminal.ts";

/** Redraws of the live line are at least this far apart. */
const REDRAW_MS = 100;
/** Plain lines come at each such share of the whole. */
const PLAIN_STEP_PERCENT = 10;
const MAX_BAR_CELLS = 24;

/** Where and how to show it. */
export interface DownloadProgressOptions {
  /** Whether a person watches. */
  isTerminal: boolean;
  /** Writes to stderr. */
  write(text: string): void;
  /** Width of the terminal. @default the process's own, asked at each redraw */
  columns?: () => number;
  /** Monotonic time in ms. @default performance.now */
  now?: () => number;
}

/** Shows one download. */
export interface DownloadProgressView {
  /** Takes the newest progress. */
  update(progress: DownloadProgress): void;
  /** Takes the live line away, so that the next line begins at the left; to be called also after a failure. */
  end(): void;
}

/** Makes the view that fits the terminal, or its absence. */
export function showDownloadProgress(options: DownloadProgressOptions): DownloadProgressView {
  return options.isTerminal ? createLiveLine(options) : createPlainLines(options);
}

function createLiveLine(options: DownloadProgressOptions): DownloadProgressView {
  const { write, columns = readColumns, now = () => performance.now() } = options;
  let lastRedrawAt = -Infinity;
  let isShown = false;
  return {
    update(progress) {
      const isLast = progress.numFiles > 0 && progress.numFilesDone === progress.numFiles;
      if (!isLast && now() - lastRedrawAt < REDRAW_MS) return;
      lastRedrawAt = now();
      isShown = true;
      // One column stays free: a full last column moves some terminals to the next line.
      write(`\r${toLiveLine(progress, columns() - 1)}\x1b[K`);
    },
    end() {
      if (isShown) write("\r\x1b[K");
      isShown = false;
    },
  };
}

function createPlainLines({ write }: DownloadProgressOptions): DownloadProgressView {
  let lastStep = -1;
  let wasWaiting = false;
  return {
    update(progress) {
      const isWaiting = progress.isWaiting === true;
      if (isWaiting && !wasWaiting) write(`${WAITING}\n`);
      wasWaiting = isWaiting;
      const percent = toPercent(progress);
      if (isWaiting || percent === null) return;
      const step = Math.floor(percent / PLAIN_STEP_PERCENT);
      if (step <= lastStep) return;
      lastStep = step;
      write(`Downloading ${toParts(progress).join("  ")}\n`);
    },
    end() {},
  };
}

const WAITING = "Waiting: another process is downloading this model";

/** The line, with less and less in it until it fits. */
function toLiveLine(progress: DownloadProgress, width: number): string {
  if (progress.isWaiting === true) return shorten(WAITING, width);
  const percent = toPercent(progress);
  const parts = toParts(progress);
  const text = `Downloading ${parts.join("  ")}`;
  const numCells = Math.min(MAX_BAR_CELLS, width - text.length - 2);
  if (percent !== null && numCells >= 8) {
    return `Downloading ${toBar(percent, numCells)}  ${parts.join("  ")}`;
  }
  for (let numParts = parts.length; numParts > 0; numParts--) {
    const shown = parts.slice(0, numParts).join("  ");
    if (`Downloading ${shown}`.length <= width) return `Downloading ${shown}`;
    if (shown.length <= width) return shown;
  }
  return shorten(parts[0]!, width);
}

/** The most important first: percent, bytes, rate and time left, files. */
function toParts(progress: DownloadProgress): string[] {
  const { numBytes, totalBytes, numFiles, numFilesDone, rate } = progress;
  const percent = toPercent(progress);
  const isDone = numFiles > 0 && numFiles === numFilesDone;
  const left = totalBytes === null || rate <= 0 ? null : (totalBytes - numBytes) / rate;
  return [
    ...(percent === null ? [] : [`${Math.floor(percent)}%`.padStart(4)]),
    totalBytes === null
      ? formatBytes(numBytes)
      : `${formatBytes(numBytes)}/${formatBytes(totalBytes)}`,
    ...(isDone ? [] : [`${formatBytes(rate)}/s`]),
    ...(left === null || isDone ? [] : [`${formatSeconds(left)} left`]),
    `${numFilesDone}/${numFiles} files`,
  ];
}

function toPercent({ numBytes, totalBytes }: DownloadProgress): number | null {
  if (totalBytes === null || totalBytes === 0) return null;
  return Math.min(100, numBytes / totalBytes * 100);
}

function toBar(percent: number, numCells: number): string {
  const numFull = Math.floor(percent / 100 * numCells);
  return "█".repeat(numFull) + "░".repeat(numCells - numFull);
}

/** `1.25 GiB`: three digits. */
function formatBytes(numBytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = numBytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const numDecimals = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(numDecimals)} ${units[unit]}`;
}

/** `45 s`, `3:05`, `1:02:03`. */
function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours === 0
    ? `${minutes}:${rest}`
    : `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}
