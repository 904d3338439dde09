import type { LoadedModelStats } from "../../engine/mod.ts";
import type { AppContext, Services } from "../context.ts";

/** `GET /v1/ollm/stats`: the loaded models, with their counters, memory and end. */
export function stats({ engine }: Services) {
  return async (c: AppContext): Promise<Response> =>
    c.json({ models: (await engine.stats()).map(toRecord) });
}

function toRecord(stats: LoadedModelStats) {
  return {
    model: stats.model,
    num_waiting: stats.numWaiting,
    num_running: stats.numRunning,
    num_blocks: stats.numBlocks,
    num_free_blocks: stats.numFreeBlocks,
    num_steps_total: stats.numStepsTotal,
    num_generated_tokens_total: stats.numGeneratedTokensTotal,
    num_preemptions_total: stats.numPreemptionsTotal,
    num_cancelled_total: stats.numCancelledTotal,
    num_drafted_tokens_total: stats.numDraftedTokensTotal,
    num_accepted_tokens_total: stats.numAcceptedTokensTotal,
    num_restarts_total: stats.numRestartsTotal,
    state: stats.state,
    backend: stats.backend,
    memory_bytes: stats.memoryBytes,
    unload_at: stats.unloadAt === null ? null : Math.ceil(stats.unloadAt / 1000),
  };
}
