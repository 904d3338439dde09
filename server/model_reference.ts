/**
 * Which model references may come over HTTP: names, aliases and hub repositories, never paths. The engine takes paths too, from
 * its own operator.
 *
 * @module
 */
import { badRequest, modelNotFound } from "./errors.ts";
import type { RequestDefaults } from "./context.ts";

const NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const REFERENCE = new RegExp(`^${NAME}(?:/${NAME})?(?:@[A-Za-z0-9._-]{1,64})?$`);

/** Whether a client may name this model; the operator's own default is always allowed. */
export function isAllowedReference(reference: string, defaults: RequestDefaults): boolean {
  return reference === defaults.model ||
    REFERENCE.test(reference) && !reference.includes("..");
}

/**
 * Trims the reference and checks its form.
 *
 * @throws {ApiError} 400 for a blank text or one that ends in "@", 404 for one that can name nothing here
 */
export function admitReference(text: string, defaults: RequestDefaults): string {
  const reference = text.trim();
  if (reference === "") {
    throw badRequest("model", 'Invalid "model": expected a model reference, got blank text');
  }
  if (reference.endsWith("@")) {
    throw badRequest("model", 'Invalid "model": expected a revision after "@", got nothing');
  }
  if (!isAllowedReference(reference, defaults)) throw modelNotFound(reference);
  return reference;
}
