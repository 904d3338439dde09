import { log } from "../log.ts";

/** Options of {@linkcode warnUnknownFields}. */
export interface UnknownFieldsOptions {
  /** Fields that do something, and fields that need not: none of them is worth a warning. */
  known: readonly string[];
  /** What was sent, for the log: `chat completion request`. */
  kind: string;
}

const warned = new Set<string>();
/** Names are the clients' to choose, so their number is bounded. */
const MAX_WARNED = 256;

/** Logs each unknown field of a kind of request once in the life of the process. */
export function warnUnknownFields(
  body: Record<string, unknown>,
  { known, kind }: UnknownFieldsOptions,
): void {
  for (const field of Object.keys(body)) {
    const key = `${kind} ${field}`;
    if (known.includes(field) || warned.has(key) || warned.size >= MAX_WARNED) continue;
    warned.add(key);
    log.warning("Ignored the unknown field {field} of a {kind}", {
      field: field.slice(0, 64),
      kind,
    });
  }
}
