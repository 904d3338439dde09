import { ApiError } from "../errors.ts";

/** Upstream's name of our own kernels. */
const ALIASES: Record<string, string> = { "optimized-native": "wgsl" };
const BACKENDS = ["wgsl", "web-llm"];

/**
 * Resolves a backend's name.
 *
 * @returns undefined when the engine shall choose
 * @throws {ApiError} 400 for a name that is none
 */
export function toBackend(text: string | null | undefined): string | undefined {
  if (text === null || text === undefined) return undefined;
  const given = text.trim().toLowerCase();
  const backend = Object.hasOwn(ALIASES, given) ? ALIASES[given]! : given;
  if (BACKENDS.includes(backend)) return backend;
  throw new ApiError(
    400,
    `Unknown backend ${JSON.stringify(text.slice(0, 40))}: expected one of ${BACKENDS.join(", ")}`,
  );
}
