/**
 * An engine behind its HTTP server in a process of its own, which also answers without HTTP when it is told to: both ways on
 * the same worker.
 *
 *     deno run -A bench/served_engine.ts CHECKOUT PORT MODEL
 *
 * Each line of JSON on stdin is a generation request; it is answered by a line with an {@linkcode Answer}.
 *
 * @module
 */
import { createInterface } from "node:readline";
import process from "node:process";
import type { Engine, GenerationRequest } from "../engine/mod.ts";
import type { Answer } from "./http_routes.ts";

async function answer(engine: Engine, request: GenerationRequest): Promise<Answer> {
  const start = performance.now();
  let firstMs = NaN;
  for await (const event of await engine.generate(request)) {
    if (event.type === "text" && Number.isNaN(firstMs)) firstMs = performance.now() - start;
    if (event.type !== "finish") continue;
    const { numOutputTokens: numTokens } = event.usage;
    return { numTokens, firstMs, totalMs: performance.now() - start };
  }
  throw new Error("The generation ended without a finish event");
}

async function main([checkout, port, model]: string[]): Promise<void> {
  // The checkout's own engine and server, which may be older than this file.
  const { createEngine } = await import(`${checkout}/engine/mod.ts`);
  const { serve } = await import(`${checkout}/server/serve.ts`);
  // A small model's long answers soon repeat themselves: drafts would be measured, not steps.
  const engine: Engine = createEngine({ speculation: "off" });
  void serve({
    engine,
    defaults: { model, modelsDir: "models", sampling: {} },
    host: "127.0.0.1",
    port: Number(port),
    logLevel: "error",
    version: "bench",
  });
  await engine.load(model!);
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(engine, JSON.parse(line))));
  }
}

if (import.meta.main) {
  await main(Deno.args);
  Deno.exit(0);
}
