/**
 * What `/metrics` shows: requests as they come in, generations as they end, and the counters of the loaded models.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FinishReason, ModelStats, Usage } from "../../engine/mod.ts";

/** A request whose reply has begun. */
export interface RequestSample {
  method: string;
  /** Path of the route table, never the client's own text. */
  route: string;
  status: number;
  /** Until the reply began, in ms. */
  durationMs: number;
}

/** Upper bounds in s: from a cached answer to a long prompt on a CPU. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Metrics of one app. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = this.#counter(
    "ollm_http_requests_total",
    "Requests whose reply has begun",
    ["method", "route", "status"],
  );
  readonly #requestSeconds = this.#histogram(
    "ollm_http_request_duration_seconds",
    "Time until the reply began; for a stream, until its head was sent",
    ["method", "route"],
  );
  readonly #generations = this.#counter(
    "ollm_generations_total",
    "Generations that ended",
    ["model", "reason"],
  );
  readonly #promptTokens = this.#counter("ollm_prompt_tokens_total", "Tokens of prompts");
  readonly #cachedTokens = this.#counter(
    "ollm_cached_prompt_tokens_total",
    "Tokens of prompts that were found in the prefix cache",
  );
  readonly #firstTokenSeconds = this.#histogram(
    "ollm_time_to_first_token_seconds",
    "Time from acceptance to the first token",
  );
  readonly #generationSeconds = this.#histogram(
    "ollm_generation_duration_seconds",
    "Time from acceptance to the last token",
  );
  readonly #gauges: [Gauge, keyof ModelStats][] = [
    [this.#gauge("ollm_waiting_requests", "Requests waiting for a place"), "numWaiting"],
    [this.#gauge("ollm_running_sequences", "Sequences in the batch"), "numRunning"],
    [this.#gauge("ollm_kv_blocks", "Blocks of the KV cache"), "numBlocks"],
    [this.#gauge("ollm_free_kv_blocks", "Blocks that no sequence holds"), "numFreeBlocks"],
  ];
  readonly #totals: [Counter, keyof ModelStats][] = [
    [this.#counter("ollm_steps_total", "Forward passes"), "numStepsTotal"],
    [
      this.#counter("ollm_generated_tokens_total", "Tokens generated"),
      "numGeneratedTokensTotal",
    ],
    [
      this.#counter("ollm_preemptions_total", "Times a sequence gave its blocks back"),
      "numPreemptionsTotal",
    ],
    [
      this.#counter("ollm_cancelled_generations_total", "Generations that nobody wanted"),
      "numCancelledTotal",
    ],
    [
      this.#counter("ollm_drafted_tokens_total", "Tokens guessed ahead"),
      "numDraftedTokensTotal",
    ],
    [
      this.#counter("ollm_accepted_tokens_total", "Tokens guessed ahead that were right"),
      "numAcceptedTokensTotal",
    ],
    [
      this.#counter("ollm_worker_restarts_total", "Times the worker was started again"),
      "numRestartsTotal",
    ],
  ];

  /** Media type of {@linkcode Metrics.render}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Counts a request. */
  addRequest({ method, route, status, durationMs }: RequestSample): void {
    this.#requests.inc({ method, route, status: String(status) });
    this.#requestSeconds.observe({ method, route }, durationMs / 1000);
  }

  /** Counts a generation that ended. */
  addGeneration(model: string, { reason, usage }: { reason: FinishReason; usage: Usage }): void {
    this.#generations.inc({ model, reason });
    this.#promptTokens.inc({ model }, usage.numPromptTokens);
    this.#cachedTokens.inc({ model }, usage.numCachedTokens);
    // One that was cancelled while it waited has no times.
    if (usage.numOutputTokens === 0) return;
    const { timeToFirstTokenMs, decodeMs } = usage;
    this.#firstTokenSeconds.observe({ model }, timeToFirstTokenMs / 1000);
    this.#generationSeconds.observe({ model }, (timeToFirstTokenMs + decodeMs) / 1000);
  }

  /**
   * All metrics in Prometheus' text format.
   *
   * @param stats the engine's own counters, which begin anew when a model is loaded anew
   */
  async render(stats: readonly ModelStats[]): Promise<string> {
    for (const [metric] of [...this.#gauges, ...this.#totals]) metric.reset();
    for (const counters of stats) {
      const { model } = counters;
      for (const [gauge, key] of this.#gauges) gauge.set({ model }, Number(counters[key]));
      for (const [total, key] of this.#totals) total.inc({ model }, Number(counters[key]));
    }
    return await this.#registry.metrics();
  }

  #counter(name: string, help: string, labelNames: readonly string[] = ["model"]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, labelNames: ["model"], registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: readonly string[] = ["model"]): Histogram {
    return new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [this.#registry] });
  }
}
