/**
 * The models that ship with the program.
 *
 * @module
 */

/** Aliases; each is a directory of the program's own `models/`. */
export const BUILTIN_MODELS: readonly string[] = ["ollm-tiny"];
