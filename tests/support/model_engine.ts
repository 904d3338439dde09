/** What tests of the model engine share. */
import type { ModelEngine } from "../../engine/runtime/model_engine.ts";
import type { GenerationEvent } from "../../engine/types.ts";

/** Steps until nothing is left to do. */
export async function runAll(engine: ModelEngine): Promise<void> {
  while (await engine.step());
}

/** All that a client sees, but for times. */
export function withoutTimes(events: readonly GenerationEvent[]) {
  return events.map((event) =>
    event.type === "finish"
      ? { ...event, usage: { ...event.usage, timeToFirstTokenMs: 0, decodeMs: 0 } }
      : event
  );
}
