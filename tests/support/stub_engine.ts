/**
 * An engine without a model: says what it is told, records what it was asked and what was cancelled.
 *
 * @module
 */
import {
  type ChosenTokenLogprob,
  describeOpaque,
  type EmbedRequest,
  type Engine,
  type EngineError,
  type FinishReason,
  type GenerateOptions,
  type Generation,
  type GenerationEvent,
  type GenerationRequest,
  InvalidRequestError,
  type LoadModelOptions,
  type ModelInfo,
  ModelNotFoundError,
  planNothing,
  type RuntimePlan,
  type Usage,
} from "../../engine/mod.ts";

/** Options of {@linkcode createStubEngine}. */
export interface StubOptions {
  /** Pieces of every reply. @default ["Mercury", ", Venus", " and Earth."] */
  pieces?: string[];
  /** Parts of a reply, instead of `pieces`. */
  script?: (request: GenerationRequest) => Exclude<GenerationEvent, { type: "finish" }>[];
  /** Why a reply ends. @default "stop" */
  reason?: "stop" | "length" | "tool_calls";
  /** Time before each part, in ms. @default none */
  pauseMs?: number;
  /** Thrown by `generate`, `embed` and `load`. */
  refusal?: EngineError;
  /** Time that the model takes to load before each request, in ms. @default none */
  loadMs?: number;
  /** Thrown after the first piece. */
  failure?: Error;
  /** Never yields anything after the first piece, until it is cancelled. */
  hangs?: boolean;
}

/** The stub, with its records. */
export interface StubEngine extends Engine {
  /** Every request that was accepted, in order. */
  readonly requests: GenerationRequest[];
  /** Every request to embed that was accepted, in order. */
  readonly embedRequests: EmbedRequest[];
  /** Every load that was asked for, in order. */
  readonly loads: ({ reference: string } & LoadModelOptions)[];
  /** How many generations ended because nobody wanted them. */
  readonly numCancelled: number;
  /** How many generations are neither finished nor cancelled. */
  readonly numRunning: number;
}

/** The one model that the stub knows. */
export const STUB_MODEL: ModelInfo = {
  reference: "ollm-tiny",
  name: "ollm-tiny",
  sourceKind: "builtin",
  discoverySource: "built-in",
  repository: null,
  revision: null,
  materialized: true,
  task: "generate",
  library: null,
  memoryBytes: null,
  requiredFeatures: [],
  supportLevel: "optimized",
  path: "/models/ollm-tiny",
  modelType: "llama",
  quantization: "q4f16_1",
  contextLength: 512,
  createdAt: 1_700_000_000,
  message: "runs on our own kernels",
};

/** The one embedding model that the stub knows. Its vectors are (0.6, ±0.8), by turns. */
export const STUB_EMBEDDER: ModelInfo = {
  ...STUB_MODEL,
  reference: "snowflake-arctic-embed-s-q0f32-MLC-b4",
  name: "snowflake-arctic-embed-s-q0f32-MLC-b4",
  task: "embed",
};

/** Usage of every reply: 5 prompt tokens, 2 of them cached, 3 generated. */
export const STUB_USAGE: Usage = {
  numPromptTokens: 5,
  numCachedTokens: 2,
  numOutputTokens: 3,
  numReasoningTokens: 0,
  timeToFirstTokenMs: 12.5,
  decodeMs: 40,
};

/** Creates the stub. */
export function createStubEngine(options: StubOptions = {}): StubEngine {
  const requests: GenerationRequest[] = [];
  const embedRequests: EmbedRequest[] = [];
  const loads: StubEngine["loads"] = [];
  let numCancelled = 0;
  let numRunning = 0;

  async function* reply(request: GenerationRequest, signal: AbortSignal) {
    numRunning++;
    let isFinished = false;
    try {
      for (const [i, part] of toParts(request, options).entries()) {
        if (options.pauseMs) await delay(options.pauseMs);
        if (i === 1 && options.failure) throw options.failure;
        if (i === 1 && options.hangs) await aborted(signal);
        if (signal.aborted) {
          yield finish("cancelled");
          return;
        }
        yield part;
      }
      isFinished = true;
      yield finish(options.reason ?? "stop");
    } finally {
      numRunning--;
      if (!isFinished && !options.failure) numCancelled++;
    }
  }

  /** Waits for the model of a request, as long as the stub was told. */
  async function acquire(
    { model, backend }: { model: string; backend?: string },
    { signal, onProgress }: GenerateOptions = {},
  ): Promise<ModelInfo> {
    if (options.loadMs) {
      onProgress?.(0.5, "loading weights");
      await Promise.race([delay(options.loadMs), ...signal ? [aborted(signal)] : []]);
    }
    signal?.throwIfAborted();
    if (options.refusal) throw options.refusal;
    const info = infoOf(model);
    if (info.sourceKind === "opaque") {
      throw new ModelNotFoundError(model, "the stub has two models");
    }
    if (backend !== undefined && planOf(model, parseBackend(backend)).backend === null) {
      throw new InvalidRequestError("backend", "This backend cannot run the model");
    }
    return info;
  }

  return {
    requests,
    embedRequests,
    loads,
    get numCancelled() {
      return numCancelled;
    },
    get numRunning() {
      return numRunning;
    },
    async embed(request, generateOptions) {
      const { task } = await acquire(request, generateOptions);
      if (task !== "embed") throw new InvalidRequestError("model", "It generates text");
      embedRequests.push(request);
      const { inputs } = request;
      const vectors = inputs.map((_, i) => Float32Array.of(0.6, i % 2 === 0 ? 0.8 : -0.8));
      return { vectors, numPromptTokens: 3 * inputs.length };
    },
    unload: (reference) => Promise.resolve(reference === STUB_MODEL.reference),
    async generate(request, generateOptions = {}): Promise<Generation> {
      await acquire(request, generateOptions);
      requests.push(request);
      const events = reply(request, generateOptions.signal ?? new AbortController().signal);
      return {
        numPromptTokens: STUB_USAGE.numPromptTokens,
        [Symbol.asyncIterator]: () => events,
      };
    },
    async load(reference, onProgress, { signal, ...rest } = {}) {
      await acquire(
        { model: reference, ...rest },
        { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) },
      );
      loads.push({ reference, ...rest });
    },
    download: (reference) => Promise.resolve(infoOf(reference)),
    remove: () => Promise.resolve(0),
    plan: ({ model = STUB_MODEL.reference, backend = "wgsl" } = {}) =>
      Promise.try(() => planOf(model, parseBackend(backend))),
    listModels: () => Promise.resolve([STUB_MODEL]),
    inspectModel: (reference) => Promise.resolve(infoOf(reference)),
    tokenize: ({ messages, prompt }) => {
      const text = prompt ?? messages?.map(({ content }) => content).join(" ") ?? "";
      return Promise.resolve([...text].map((letter) => letter.charCodeAt(0)));
    },
    detokenize: (_model, tokens) => Promise.resolve(String.fromCharCode(...tokens)),
    stats: () => Promise.resolve([{ ...STUB_STATS, numRunning, numCancelledTotal: numCancelled }]),
    close: () => Promise.resolve(),
  };
}

const STUB_STATS = {
  model: STUB_MODEL.reference,
  numWaiting: 0,
  numRunning: 0,
  numBlocks: 64,
  numFreeBlocks: 64,
  numStepsTotal: 0,
  numGeneratedTokensTotal: 0,
  numPreemptionsTotal: 0,
  numCancelledTotal: 0,
  numDraftedTokensTotal: 0,
  numAcceptedTokensTotal: 0,
  numRestartsTotal: 0,
  state: "loaded" as const,
  backend: "wgsl" as const,
  memoryBytes: 1230,
  unloadAt: null,
};

function finish(reason: FinishReason): GenerationEvent {
  return { type: "finish", reason, usage: STUB_USAGE };
}

function toParts(request: GenerationRequest, { script, pieces }: StubOptions): GenerationEvent[] {
  if (script) return script(request);
  const texts = pieces ?? ["Mercury", ", Venus", " and Earth."];
  return texts.map((text) => toTextEvent(text, request));
}

function toTextEvent(text: string, { sampling }: GenerationRequest): GenerationEvent {
  if (sampling?.logprobs === undefined) return { type: "text", text };
  const token = { id: 1, token: text, bytes: [...new TextEncoder().encode(text)], logprob: -0.5 };
  const chosen: ChosenTokenLogprob = {
    ...token,
    alternatives: Array.from({ length: sampling.logprobs }, () => token),
  };
  return { type: "text", text, logprobs: [chosen] };
}

function parseBackend(name: string): string {
  if (["wgsl", "optimized-native", "web-llm"].includes(name)) return name;
  throw new InvalidRequestError("backend", `Unknown backend "${name}"`);
}

function infoOf(reference: string): ModelInfo {
  if (reference === STUB_EMBEDDER.reference) return { ...STUB_EMBEDDER, discoverySource: null };
  if (reference === STUB_MODEL.reference) return { ...STUB_MODEL, discoverySource: null };
  return describeOpaque(reference, "nothing has this name");
}

function planOf(reference: string, backend: string): RuntimePlan {
  const model = infoOf(reference);
  if (model.sourceKind === "opaque" || backend === "web-llm") {
    return { ...planNothing(model, ["the stub cannot run this"]), adapter: "stub adapter" };
  }
  return {
    model,
    backend: "wgsl",
    kernelSet: "gpu",
    adapter: "stub adapter",
    dtypes: { weights: "q4f16_1", activations: "f32", kv: "f16" },
    memory: { weightsBytes: 1000, kvBytes: 200, activationBytes: 30, totalBytes: 1230 },
    contextLength: 512,
    kvBlocks: { numBlocks: 64, blockSize: 16 },
    maxSequences: 8,
    prediction: {
      numPromptTokens: 511,
      prefillTokensPerSecond: 1234.5,
      decodeTokensPerSecond: 56.78,
      timeToFirstTokenMs: 413.9,
      basis: "Measured when the model was loaded here",
    },
    reasons: ["llama runs on our own kernels", "64 blocks hold 2 sequences of 512 tokens"],
    remarks: [],
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
