/** `keep_alive`, as Ollama has it, in requests of both families. @module */
import { z } from "zod";
import { parseKeepAlive } from "../../engine/mod.ts";

/** Seconds, or a text such as `5m`; becomes ms. */
export const KeepAlive = z.union([z.string().max(64), z.number()]).transform((value, context) => {
  const keepAliveMs = parseKeepAlive(value);
  if (keepAliveMs !== undefined) return keepAliveMs;
  context.addIssue({
    code: "custom",
    message: 'expected seconds, or a duration such as "5m"; 0 unloads at once, -1 keeps',
  });
  return z.NEVER;
});

/** The engine's field for a checked one; none where the request says nothing. */
export function toKeepAlive(keepAliveMs: number | null | undefined): { keepAliveMs?: number } {
  return typeof keepAliveMs === "number" ? { keepAliveMs } : {};
}
