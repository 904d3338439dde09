const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes for people: `3.1 MiB`. */
export function formatBytes(numBytes: number): string {
  let value = numBytes;
  let unit = 0;
  // 1023.95 and more would be rounded to 1024.0.
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
