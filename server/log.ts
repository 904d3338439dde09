/**
 * The server's log: one line of text an event on stderr, every field escaped so that no value can start a line of its own.
 *
 * @module
 */
import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";

/** Levels from most to least. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;

/** How much is logged. */
export type LogLevel = typeof LOG_LEVELS[number];

/** The server's logger. Silent until {@linkcode configureLog} was called, as in tests. */
export const log = getLogger(["ollm", "server"]);

/** Sends everything from `level` upwards to stderr. */
export function configureLog(level: LogLevel): void {
  configureSync({
    reset: true,
    sinks: { stderr: (record) => writeAll(new TextEncoder().encode(`${formatRecord(record)}\n`)) },
    loggers: [
      { category: ["ollm"], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

/** `2026-01-31T12:00:00.000Z INFO GET /v1/health 200`. */
export function formatRecord(record: LogRecord): string {
  const text = record.message.map((part, i) => i % 2 === 0 ? part : String(part)).join("");
  return `${new Date(record.timestamp).toISOString()} ${record.level.toUpperCase()} ${
    escape(text)
  }`;
}

/** Controls, line separators and direction marks become `\u{…}`, so that a log line is what it looks like. */
function escape(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => c === "\n" ? "\\n" : `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}

function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stderr.writeSync(bytes.subarray(written));
  }
}
