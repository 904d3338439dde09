/**
 * The engine's public vocabulary: what goes in, what comes out. Types only; nothing here runs.
 *
 * @module
 */

/** A function call that the assistant made in an earlier turn. */
export interface ToolCall {
  /** Identifier that the result refers to. */
  id: string;
  /** Name of the function. */
  name: string;
  /** JSON text of the arguments, as the model wrote it. */
  arguments: string;
}

/** One turn of a conversation. */
export interface ChatMessage {
  /** Who speaks; `tool` carries a function's result. */
  role: "system" | "user" | "assistant" | "tool";
  /** Plain text; may be empty for an assistant turn that only calls tools. */
  content: string;
  /** Calls made in this assistant turn. */
  toolCalls?: ToolCall[];
  /** The call that this `tool` turn answers. */
  toolCallId?: string;
}

/** A function that the model may call. */
export interface ToolDefinition {
  /** `[A-Za-z0-9_-]{1,64}`. */
  name: string;
  /** What it does, for the model. */
  description?: string;
  /** JSON Schema of the arguments. */
  parameters?: Record<string, unknown>;
}

/** How the next token is chosen. Every field is optional; absent means the model's default, then the one stated. */
export interface SamplingParams {
  /**
   * Divides the logits; 0 is greedy (argmax).
   * @default 0
   */
  temperature?: number;
  /** Keeps the k most likely tokens. Absent keeps all. */
  topK?: number;
  /** Keeps the smallest set of tokens whose probability reaches p, 0 < p ≤ 1. Absent keeps all. */
  topP?: number;
  /** Drops tokens less likely than this share of the most likely one, 0 ≤ p ≤ 1. */
  minP?: number;
  /**
   * Subtracted from the logit of every token already generated, -2 to 2.
   * @default 0
   */
  presencePenalty?: number;
  /**
   * Subtracted once for each time a token was generated, -2 to 2.
   * @default 0
   */
  frequencyPenalty?: number;
  /**
   * Divides positive and multiplies negative logits of tokens in prompt and output, > 0.
   * @default 1
   */
  repetitionPenalty?: number;
  /** Same seed, same text. Absent takes a random one. */
  seed?: number;
  /** Added to a token's logit before anything else: token id → -100 to 100. */
  logitBias?: Record<number, number>;
  /** Reports the log-probability of each token with this many alternatives, 0 to 20. Absent reports none. */
  logprobs?: number;
}

/** Whether and which functions the model must call. */
export type ToolChoice =
  | "none"
  | "auto"
  | "required"
  | {
    /** The one function that must be called. */
    name: string;
  };

/** What the text of an answer must be; a schema that cannot be enforced is refused, never ignored. */
export type ResponseFormat =
  | {
    /** Anything. */
    type: "text";
  }
  | {
    /** One JSON object. */
    type: "json_object";
  }
  | {
    /** One JSON value that satisfies `schema`. */
    type: "json_schema";
    /** JSON Schema. */
    schema: Record<string, unknown>;
  };

/** Text to tokenize as a generation would. */
export interface TokenizeRequest {
  /** Model reference. */
  model: string;
  /** A conversation, rendered with the model's chat template; or `prompt`. */
  messages?: ChatMessage[];
  /** Raw text; or `messages`. */
  prompt?: string;
  /** Functions offered through the template. */
  tools?: ToolDefinition[];
}

/** One generation to run. */
export interface GenerationRequest {
  /** Model reference, for example `ollm-tiny`. */
  model: string;
  /** A conversation, rendered with the model's chat template; or `prompt`. */
  messages?: ChatMessage[];
  /** Raw text, tokenized as it is; or `messages`. */
  prompt?: string;
  /** Functions offered to the model through its template. */
  tools?: ToolDefinition[];
  /**
   * Which of the tools must be called. Arguments always satisfy the tool's schema.
   * @default "auto" with tools, else "none"
   */
  toolChoice?: ToolChoice;
  /**
   * Whether one answer may call several functions.
   * @default true
   */
  parallelToolCalls?: boolean;
  /**
   * What the answer's text must be. Not together with a forced tool call.
   * @default text
   */
  responseFormat?: ResponseFormat;
  /** How tokens are chosen. */
  sampling?: SamplingParams;
  /** Texts that end the output and are not part of it; at most 4, matched across token boundaries. */
  stop?: string[];
  /**
   * Upper bound of generated tokens. Absent: the smaller of the engine's default and what the context still holds.
   * Given: prompt + maxTokens must fit the context length.
   */
  maxTokens?: number;
  /** Goes on past end-of-text tokens; for measurements. */
  ignoreEos?: boolean;
  /** How long the model stays loaded when this request was its last one; see `EngineOptions.keepAliveMs`. */
  keepAliveMs?: number;
  /** `wgsl` or `web-llm`; absent takes the engine's choice. */
  backend?: string;
}

/** Log-probability of one token. */
export interface TokenLogprob {
  /** Vocabulary index. */
  id: number;
  /** The token's own text; may be a part of a character, then with U+FFFD. */
  token: string;
  /** The token's own bytes. */
  bytes: number[];
  /** Natural logarithm of the probability, after temperature-free softmax of the processed logits. */
  logprob: number;
}

/** Log-probability of a chosen token with its most likely alternatives, most likely first. */
export interface ChosenTokenLogprob extends TokenLogprob {
  /** At most `SamplingParams.logprobs` entries. */
  alternatives: TokenLogprob[];
}

/** Texts to turn into vectors. */
export interface EmbedRequest {
  /** Model reference. */
  model: string;
  /** Texts, or token ids without the tokens that the model puts around them. */
  inputs: (string | number[])[];
  /** How long the model stays loaded when this request was its last one; see `EngineOptions.keepAliveMs`. */
  keepAliveMs?: number;
  /** `wgsl` or `web-llm`; absent takes the engine's choice. */
  backend?: string;
}

/** What {@linkcode Engine.embed} gives. */
export interface Embeddings {
  /** One vector an input, in their order; f32, of length 1. */
  vectors: Float32Array[];
  /** Tokens of all inputs, those around them included. */
  numPromptTokens: number;
}

/** Why a generation ended. */
export type FinishReason = "stop" | "length" | "tool_calls" | "cancelled";

/** Token counts and times of a finished generation. */
export interface Usage {
  /** Tokens of the rendered prompt. */
  numPromptTokens: number;
  /** Prompt tokens whose KV was found in the prefix cache. */
  numCachedTokens: number;
  /** Generated tokens, the end-of-text token included. */
  numOutputTokens: number;
  /** Those of them that are reasoning. */
  numReasoningTokens: number;
  /** From acceptance to the first generated token, in ms. */
  timeToFirstTokenMs: number;
  /** From the first to the last generated token, in ms. */
  decodeMs: number;
}

/** What a generation yields: any number of parts, then exactly one `finish`. */
export type GenerationEvent =
  | {
    /** The model thinks aloud, before its answer. */
    type: "reasoning";
    /** Whole characters only. */
    text: string;
  }
  | {
    /** A function call begins; its arguments follow. */
    type: "tool_call";
    /** Place among the calls of this answer, from 0. */
    index: number;
    /** Name of the function. */
    name: string;
  }
  | {
    /** A piece of a call's arguments. */
    type: "tool_call_arguments";
    /** Which call. */
    index: number;
    /** JSON text; all pieces together are one JSON object. */
    text: string;
  }
  | {
    /** Something to show. */
    type: "text";
    /** Whole characters only; may be empty when it carries log-probabilities of held-back tokens. */
    text: string;
    /** Present when asked for: the tokens that were added since the last event. */
    logprobs?: ChosenTokenLogprob[];
  }
  | {
    /** The end; nothing follows. */
    type: "finish";
    /** Why. */
    reason: FinishReason;
    /** The stop sequence that ended the text, where one did. */
    stopSequence?: string;
    /** Token counts and times. */
    usage: Usage;
  };

/** An accepted generation. Breaking out of the iteration, or aborting the signal, frees its sequence. */
export interface Generation extends AsyncIterable<GenerationEvent> {
  /** Tokens of the rendered prompt. */
  readonly numPromptTokens: number;
}

/** Options of {@linkcode Engine.generate} and {@linkcode Engine.embed}. */
export interface GenerateOptions {
  /**
   * Aborting it stops a download that nobody else waits for, and cancels the sequence between two steps; the iteration ends
   * with `cancelled`.
   */
  signal?: AbortSignal;
  /** Told how far a download and a load are that the request waits for. */
  onProgress?: ProgressListener;
}

/** Gets a share from 0 to 1 and what is being done, for example `downloading params_shard_0.bin`. */
export type ProgressListener = (share: number, stage: string) => void;

/** Options of {@linkcode Engine.load}. */
export interface LoadModelOptions {
  /** Aborting it stops a download that nobody else waits for; a load that has begun goes on. */
  signal?: AbortSignal;
  /** How long the model stays loaded without a request; see `EngineOptions.keepAliveMs`. */
  keepAliveMs?: number;
  /** `wgsl` or `web-llm`; absent takes the engine's choice. */
  backend?: string;
}

/** Where models and compiled libraries are downloaded from. */
export interface HubOptions {
  /**
   * Base URL of the hub, or of a mirror.
   * @default the public hub
   */
  endpoint?: string;
  /**
   * Base URL of the compiled libraries, or of a mirror.
   * @default where their publisher keeps them
   */
  libraryEndpoint?: string;
  /** Access token for gated repositories; sent to the hub's own host only. */
  token?: string;
  /**
   * Whether the network must not be used: what is not on disk is an error.
   * @default false
   */
  offline?: boolean;
}

/** How far a download has come. */
export interface DownloadProgress {
  /** Path inside the repository of the file that progressed last. */
  file: string;
  /** Bytes on disk, of all files, those of earlier tries included. */
  numBytes: number;
  /** Bytes of all files; null while a size is unknown. */
  totalBytes: number | null;
  /** Files of the model. */
  numFiles: number;
  /** Files that are complete and checked. */
  numFilesDone: number;
  /** Bytes a second, lately. */
  rate: number;
  /**
   * Whether another process downloads this model, and this one waits for it.
   * @default false
   */
  isWaiting?: boolean;
}

/** Options of {@linkcode Engine.download}. */
export interface DownloadOptions {
  /**
   * Fetches what is there already again.
   * @default false
   */
  force?: boolean;
  /**
   * What will run the model; `web-llm` needs its compiled library too.
   * @default our own kernels where they can
   */
  backend?: BackendName;
  /** Aborting it stops the download; what has come stays for the next try. */
  signal?: AbortSignal;
  /** Called a few times a second. */
  onProgress?: (progress: DownloadProgress) => void;
}

/** What computes a model: our own kernels, or a compiled model library. */
export type BackendName = "wgsl" | "web-llm";

/** How well a model can be run here. */
export type SupportLevel = "optimized" | "generic" | "unsupported";

/** A compiled model library: what the `web-llm` backend runs a package with. */
export interface ModelLibrary {
  /** Absolute path of the `.wasm`, whether or not it is there yet. */
  path: string;
  /** Where it is fetched from; null for a file of the user's own. */
  url: string | null;
}

/** What is known of a model without loading it. */
export interface ModelInfo {
  /** The text to send as `model`. */
  reference: string;
  /** Directory name or alias. */
  name: string;
  /**
   * `builtin` ships with the program, `hugging-face` is a hub repository (also behind an alias), `local-path` is a
   * directory, `opaque` resolves to nothing.
   */
  sourceKind: "builtin" | "hugging-face" | "local-path" | "opaque";
  /** Where the listing found it; null when it was asked for by name. */
  discoverySource: "built-in" | "discovered-local" | null;
  /** Hub repository `org/name`; null where there is none. */
  repository: string | null;
  /** Branch, tag or commit that was asked for; null is the repository's main branch. */
  revision: string | null;
  /** Whether its files are on disk, complete. */
  materialized: boolean;
  /** What it does: continue text, or turn text into vectors. */
  task: "generate" | "embed";
  /** Compiled library for the `web-llm` backend; null where none is known. */
  library: ModelLibrary | null;
  /** Device memory that the catalog states, in bytes; null where it says nothing. */
  memoryBytes: number | null;
  /** WebGPU features that the catalog asks for, for example `shader-f16`. */
  requiredFeatures: string[];
  /** Whether and how it can be run. */
  supportLevel: SupportLevel;
  /** Directory of the package, absolute; null for an opaque reference. */
  path: string | null;
  /** Architecture key of the package, for example `llama`. */
  modelType: string | null;
  /** Quantization name of the package, for example `q4f16_1`. */
  quantization: string | null;
  /** Tokens a sequence may hold. */
  contextLength: number | null;
  /** Last change of the package, Unix seconds; 0 when not on disk. */
  createdAt: number;
  /** One sentence: why this level. */
  message: string;
}

/** Settings of a load that change what is planned. Absent fields take the engine's defaults. */
export interface RuntimeOptions {
  /** Model reference. */
  model?: string;
  /** Where to look for it: a folder below the engine's models directory. Absent: that directory. */
  modelsDir?: string;
  /** `wgsl` or `web-llm`; absent lets the engine choose. */
  backend?: string;
  /** Path of a compiled library for the `web-llm` backend, before the catalog's. */
  library?: string;
  /** Tokens a sequence may hold, at most the model's own. */
  contextLength?: number;
  /** Sequences that may run at once. */
  maxSequences?: number;
}

/** What loading a model would do: computed from the package's index and the adapter, without loading a weight. */
export interface RuntimePlan {
  /** The model as it was resolved. */
  model: ModelInfo;
  /** Backend that would run it; null when none can. */
  backend: BackendName | null;
  /** `gpu` or `software`; null when nothing can run, and on the `web-llm` backend, whose kernels are its library's. */
  kernelSet: "gpu" | "software" | null;
  /** Adapter's own description; null without an adapter. */
  adapter: string | null;
  /** Element types of weights, activations and KV cache, for example `q4f16_1`, `f32`, `f16`. */
  dtypes: { weights: string; activations: string; kv: string } | null;
  /** Bytes on the device. */
  memory: {
    /** Weights as they lie on the device. */
    weightsBytes: number;
    /** Paged KV cache of all layers; on a software adapter it comes into use by and by. */
    kvBytes: number;
    /** Activations, logits and tables of a step. */
    activationBytes: number;
    /** All three. */
    totalBytes: number;
  } | null;
  /** Tokens a sequence may hold. */
  contextLength: number | null;
  /** Paged KV cache. */
  kvBlocks: { numBlocks: number; blockSize: number } | null;
  /** Sequences that run at once. */
  maxSequences: number | null;
  /** How fast one sequence alone will be; null where nothing was measured that says so, with the reason in `reasons`. */
  prediction: RatePrediction | null;
  /** Why: one sentence for each decision, in the order they were made. */
  reasons: string[];
  /** What loading found out that no plan can know, for example that a library runs one sequence at a time. */
  remarks: string[];
}

/** Rates of one sequence alone, from what loads on this adapter measured. */
export interface RatePrediction {
  /** Tokens of the prompt that the other numbers are for. */
  numPromptTokens: number;
  /** Of that prompt. */
  prefillTokensPerSecond: number;
  /** Behind that prompt. */
  decodeTokensPerSecond: number;
  /** Of that prompt, from its first step to its first token. */
  timeToFirstTokenMs: number;
  /** One sentence: what was measured, and how it was scaled. */
  basis: string;
}

/** Whether tokens are guessed ahead: where it pays, or never. */
export type SpeculationSetting = "auto" | "off";

/** Counters of one loaded model; all are current values unless named total. */
export interface ModelStats {
  /** Directory name or alias. */
  model: string;
  /** Requests waiting for a place in the batch. */
  numWaiting: number;
  /** Sequences in the batch. */
  numRunning: number;
  /** KV blocks of the cache. */
  numBlocks: number;
  /** KV blocks that no sequence holds. */
  numFreeBlocks: number;
  /** Forward passes so far. */
  numStepsTotal: number;
  /** Tokens sampled so far. */
  numGeneratedTokensTotal: number;
  /** Times a sequence gave its blocks back to be computed anew. */
  numPreemptionsTotal: number;
  /** Generations that ended because nobody wanted them. */
  numCancelledTotal: number;
  /** Tokens that were guessed, to be computed in one step with the token before them. */
  numDraftedTokensTotal: number;
  /** Guessed tokens that were right. */
  numAcceptedTokensTotal: number;
  /** Times the worker was started again after it died. */
  numRestartsTotal: number;
}

/** A loaded model: its counters, its memory and its end. */
export interface LoadedModelStats extends ModelStats {
  /** `loading` until it can answer; its counters are zero until then. */
  state: "loading" | "loaded";
  /** What runs it. */
  backend: BackendName;
  /** Bytes on the device by its plan; null where the plan knows none. */
  memoryBytes: number | null;
  /** When it will be unloaded, Unix ms; null while it works, and where it stays until another model needs the room. */
  unloadAt: number | null;
}

/** Runs models. Create one with {@linkcode createEngine}. */
export interface Engine {
  /**
   * Downloads and loads the model if needed, checks and queues the request.
   *
   * @returns once the request is accepted: everything that can be refused is refused before
   * @throws {ModelNotFoundError} nothing has this reference
   * @throws {ModelInvalidError} the package is damaged or unsupported
   * @throws {InvalidRequestError} a value is out of range
   * @throws {ContextLengthError} prompt and output exceed the context length
   * @throws {QueueFullError} too many requests are waiting
   * @throws {DeviceError} no adapter, the device was lost, or the model exceeds the memory budget
   */
  generate(request: GenerationRequest, options?: GenerateOptions): Promise<Generation>;
  /**
   * Loads a model now instead of at its first request; downloads it first if needed.
   *
   * @throws as `generate`
   */
  load(
    reference: string,
    onProgress?: ProgressListener,
    options?: LoadModelOptions,
  ): Promise<void>;
  /**
   * Fetches a model's files, and its compiled library, without loading it.
   *
   * @returns the model as it then is on disk
   * @throws {ModelNotFoundError} nothing has this reference, or it is not there and may not be fetched
   */
  download(reference: string, options?: DownloadOptions): Promise<ModelInfo>;
  /**
   * Unloads a downloaded model and deletes its files.
   *
   * @returns bytes that were freed
   * @throws {ModelNotFoundError} nothing has this reference
   * @throws {InvalidRequestError} the model was not downloaded, so that its files are not ours
   */
  remove(reference: string): Promise<number>;
  /**
   * What a load would do; never loads a weight, never throws for an unknown model.
   *
   * @throws {InvalidRequestError} an unknown backend, or `modelsDir` is not below the models directory
   */
  plan(options?: RuntimeOptions): Promise<RuntimePlan>;
  /**
   * Built-in models and packages found under the models directory, or under a folder below it.
   *
   * @throws {InvalidRequestError} `modelsDir` is not below the models directory
   */
  listModels(options?: Pick<RuntimeOptions, "modelsDir">): Promise<ModelInfo[]>;
  /** One model by reference; an unknown one has `sourceKind` `opaque` and is `unsupported`. */
  inspectModel(reference: string): Promise<ModelInfo>;
  /**
   * Token ids of a conversation or a text, exactly as `generate` would see them. Loads the model if needed.
   *
   * @throws as `generate`
   */
  tokenize(request: TokenizeRequest): Promise<number[]>;
  /**
   * The text of token ids; special tokens have none. Loads the model if needed.
   *
   * @throws {InvalidRequestError} an id is outside the vocabulary
   */
  detokenize(model: string, tokens: number[]): Promise<string>;
  /**
   * One vector a text from an embedding model. Loads the model if needed.
   *
   * @throws as `generate`; {InvalidRequestError} the model generates text, or a text is longer than the model sees
   */
  embed(request: EmbedRequest, options?: GenerateOptions): Promise<Embeddings>;
  /**
   * Ends a loaded model's worker, which gives all its memory back; its generations end with an error.
   *
   * @returns false if it was not loaded
   */
  unload(reference: string): Promise<boolean>;
  /** Every loaded model with its counters. */
  stats(): Promise<LoadedModelStats[]>;
  /** Ends every sequence and gives all memory back. */
  close(): Promise<void>;
}
