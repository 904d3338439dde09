import type { Drain } from "../drain.ts";
import { shuttingDown } from "../errors.ts";
import type { AppMiddleware } from "../context.ts";

/** Answers 503 to everything that arrives on the way down. */
export function refuseWhenDraining(drain: Drain): AppMiddleware {
  return async (_c, next) => {
    if (drain.isDraining) throw shuttingDown();
    await next();
  };
}
