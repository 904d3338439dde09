import { escapeControls } from "../terminal.ts";

/** A row, one text a column; or one text that stands alone below the row before it. */
export type Row = readonly string[] | string;

/**
 * Sets rows in columns.
 *
 * @param right columns whose texts end at the same place, such as sizes
 */
export function formatTable(
  head: readonly string[],
  rows: readonly Row[],
  right: readonly number[] = [],
): string {
  const table = [head, ...rows].map((row) =>
    typeof row === "string" ? escapeControls(row) : row.map(escapeControls)
  );
  const widths = head.map((_, column) =>
    Math.max(...table.map((row) => typeof row === "string" ? 0 : row[column]!.length))
  );
  const lines = table.map((row) => {
    if (typeof row === "string") return `    ${row}`;
    const cells = row.map((text, column) =>
      right.includes(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)
    );
    return cells.join("  ").trimEnd();
  });
  return lines.map((line) => `${line}\n`).join("");
}
