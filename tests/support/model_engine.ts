/** What tests of the model engine share. */
import { ModelEngine } from "../../engine/runtime/model_engine.ts";
import type { SpeculationMode } from "../../engine/scheduler/mod.ts";
import type { GenerationEvent } from "../../engine/types.ts";
import { PagedRunner, type PagedRunnerOptions } from "./paged_runner.ts";
import { createStubText } from "./stub_runner.ts";

/** An engine over a runner whose answers depend on what its blocks hold. */
export function createPagedModel(
  options: PagedRunnerOptions,
  { speculation, defaultMaxTokens }: { speculation: SpeculationMode; defaultMaxTokens: number },
): { engine: ModelEngine; runner: PagedRunner } {
  const runner = new PagedRunner(options);
  const engine = new ModelEngine({
    model: "letters",
    runner,
    text: createStubText(),
    sampling: {},
    maxWaiting: 200,
    defaultMaxTokens,
    speculation,
  });
  return { engine, runner };
}

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
