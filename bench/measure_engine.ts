/**
 * Measures what a program sees: the same model through the engine, with tokenizer, scheduler, sampler and worker.
 *
 * @module
 */
import { createEngine, type Engine } from "../engine/mod.ts";
import type { MeasureOptions } from "./measure.ts";

/** What one run found. */
export interface EngineMeasurement {
  /** From the request to its first token, in ms; one stream, model loaded. */
  firstTokenMs: number;
  /** Generated tokens a second of one stream, behind the first. */
  streamRate: number;
  /** Generated tokens a second of all streams together, their prefills included. */
  batchRate: number;
}

/** Runs one stream, then the batch. */
export async function measureEngine(
  dir: string,
  options: MeasureOptions,
): Promise<EngineMeasurement> {
  const { numPromptTokens, numGeneratedTokens, batchSize } = options;
  // Random weights soon repeat themselves: drafts would be measured, not steps.
  const engine = createEngine({ speculation: "off" });
  const run = () => generate(engine, dir, { numPromptTokens, numGeneratedTokens });
  try {
    await engine.load(dir);
    const { timeToFirstTokenMs, decodeMs, numOutputTokens } = await run();
    const start = performance.now();
    const usages = await Promise.all(Array.from({ length: batchSize }, run));
    const seconds = (performance.now() - start) / 1000;
    const numTokens = usages.reduce((sum, usage) => sum + usage.numOutputTokens, 0);
    return {
      firstTokenMs: timeToFirstTokenMs,
      streamRate: 1000 * (numOutputTokens - 1) / decodeMs,
      batchRate: numTokens / seconds,
    };
  } finally {
    await engine.close();
  }
}

async function generate(
  engine: Engine,
  model: string,
  sizes: { numPromptTokens: number; numGeneratedTokens: number },
) {
  const generation = await engine.generate({
    model,
    // A digit is a token of its own in both models' tokenizers.
    prompt: "7".repeat(sizes.numPromptTokens),
    sampling: { temperature: 0 },
    maxTokens: sizes.numGeneratedTokens,
    ignoreEos: true,
  });
  for await (const event of generation) if (event.type === "finish") return event.usage;
  throw new Error("The generation ended without a finish event");
}
