/**
 * Constrained decoding: demands on an answer's form → grammar → which tokens may come next. Knows tokens by their bytes only.
 *
 * @module
 */
export { applyTokenMask } from "./bitmask.ts";
export { type CallSyntax, type Constraint, createConstraint } from "./constraint.ts";
export { GrammarService, type GrammarSession } from "./grammar_service.ts";
