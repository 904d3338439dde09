/**
 * What a terminal shows: lines that fit, and text that commands it nothing.
 *
 * @module
 */

/** Columns where no stream of the process is a terminal. */
const DEFAULT_COLUMNS = 80;

/** Width of the terminal. */
export function readColumns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch {
    return DEFAULT_COLUMNS; // no stream of the process is a terminal
  }
}

/** The text, or its beginning and an ellipsis. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? "" : `${text.slice(0, width - 1)}…`;
}

/** Control characters as `\\x1b`: names of files and models may hold what moves the cursor. */
export function escapeControls(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
