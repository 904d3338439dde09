/**
 * How long a model stays loaded, as people write it. Imports nothing.
 *
 * @module
 */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3 };
const DURATION = /^(?:\d{1,12}(?:\.\d{1,6})?(?:ms|s|m|h)){1,4}$/;

/**
 * Reads Ollama's `keep_alive`: seconds as a number, or a text such as `90s`, `5m` or `1h30m`. 0 unloads as soon as the model is
 * idle; negative numbers and texts keep it for ever, which is until another model needs the room.
 *
 * @returns ms, Infinity for ever; undefined for what is no duration
 */
export function parseKeepAlive(value: unknown): number | undefined {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return undefined;
    return value < 0 ? Infinity : value * 1e3;
  }
  if (typeof value !== "string") return undefined;
  const text = value.trim().toLowerCase();
  if (/^-?\d{1,12}(?:\.\d{1,6})?$/.test(text)) return parseKeepAlive(Number(text));
  if (text.startsWith("-")) return DURATION.test(text.slice(1)) ? Infinity : undefined;
  if (!DURATION.test(text)) return undefined;
  const parts = text.matchAll(/([\d.]+)(ms|s|m|h)/g);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
}
