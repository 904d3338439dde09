/**
 * Conditions that a caller handles. Imports nothing, is imported by every room, and knows no HTTP status.
 *
 * @module
 */

/** Stable machine-readable reasons; `server/errors.ts` maps each to a status, the CLI to an exit code. */
export type EngineErrorCode =
  | "model_not_found"
  | "model_invalid"
  | "invalid_request"
  | "context_length_exceeded"
  | "queue_full"
  | "queue_timeout"
  | "device_unavailable"
  | "device_lost"
  | "out_of_memory"
  | "download_failed"
  | "offline"
  | "answer_invalid"
  | "engine_failed"
  | "engine_closed";

/** Base of all own errors: `code` is stable, `message` is for people. */
export class EngineError extends Error {
  /** Stable reason, the same in every release. */
  readonly code: EngineErrorCode;
  /** The request field at fault, in the engine's own words, where there is one. */
  readonly param: string | undefined;

  /** `options.param` is the request field at fault. */
  constructor(
    code: EngineErrorCode,
    message: string,
    options: ErrorOptions & { param?: string } = {},
  ) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.param = options.param;
  }
}

/** The model reference names nothing that can be run here. */
export class ModelNotFoundError extends EngineError {
  /** `hint` says why, and what to do. */
  constructor(
    /** The text that was given. */
    readonly reference: string,
    hint: string,
  ) {
    super("model_not_found", `Cannot find model "${reference}": ${hint}`, { param: "model" });
  }
}

/** A file of the model package is missing, damaged or of a kind that we do not read. */
export class ModelInvalidError extends EngineError {
  /** Names file, value, expectation and remedy. */
  constructor(message: string, options: ErrorOptions = {}) {
    super("model_invalid", message, options);
  }
}

/** A request value that cannot be served: out of range, contradictory or empty. */
export class InvalidRequestError extends EngineError {
  /** `param` is the field at fault. */
  constructor(param: string, message: string) {
    super("invalid_request", message, { param });
  }
}

/** Prompt and requested output together exceed what the model can see. */
export class ContextLengthError extends EngineError {
  /** All counts in tokens. */
  constructor(
    /** Tokens of the rendered prompt. */
    readonly numPromptTokens: number,
    /** Tokens asked for, at least 1. */
    readonly numOutputTokens: number,
    /** Tokens a sequence may hold. */
    readonly contextLength: number,
    /** Whether the prompt may have more, which nobody counted. */
    { isAtLeast = false } = {},
  ) {
    super(
      "context_length_exceeded",
      `The prompt has ${
        isAtLeast ? "at least " : ""
      }${numPromptTokens} tokens and ${numOutputTokens} more were asked for; ` +
        `the model's context length is ${contextLength}; shorten the prompt or ask for fewer tokens`,
      { param: numOutputTokens >= contextLength ? "max_tokens" : "messages" },
    );
  }
}

/** The bounded waiting list is full; try again in `retryAfterSeconds`. */
export class QueueFullError extends EngineError {
  /** Refuses one more request. */
  constructor(
    /** Places of the list, all taken. */
    readonly maxWaiting: number,
    /** When to try again. */
    readonly retryAfterSeconds = 1,
  ) {
    super(
      "queue_full",
      `The waiting list is full: ${maxWaiting} requests are waiting already; try again in ${retryAfterSeconds} s`,
    );
  }
}

/** No adapter, a lost device, or a device that refused the memory. */
export class DeviceError extends EngineError {
  /** Says what the device refused, and what to do. */
  constructor(
    code: "device_unavailable" | "device_lost" | "out_of_memory",
    message: string,
    options: ErrorOptions = {},
  ) {
    super(code, message, options);
  }
}

/** A model's files could not be fetched, or must not be, in offline mode. */
export class DownloadError extends EngineError {
  /** Says what could not be fetched, why, and what to do. */
  constructor(code: "download_failed" | "offline", message: string, options: ErrorOptions = {}) {
    super(code, message, options);
  }
}

/** A plain object that survives `postMessage`; {@linkcode fromErrorRecord} restores the error. */
export interface ErrorRecord {
  /** Stable reason, or null for an unexpected error. */
  code: EngineErrorCode | null;
  /** Text for people. */
  message: string;
  /** The request field at fault. */
  param?: string;
  /** Seconds after which a refused request may be sent again. */
  retryAfterSeconds?: number;
  /** Kept for the log, never for a client. */
  stack?: string;
}

/** Flattens any thrown value for another isolate. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (error instanceof EngineError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.param === undefined ? {} : { param: error.param }),
      ...(error instanceof QueueFullError ? { retryAfterSeconds: error.retryAfterSeconds } : {}),
    };
  }
  const e = error instanceof Error ? error : new Error(String(error));
  return { code: null, message: e.message, ...(e.stack === undefined ? {} : { stack: e.stack }) };
}

/** Restores what {@linkcode toErrorRecord} flattened; unexpected errors become `engine_failed`. */
export function fromErrorRecord(record: ErrorRecord): EngineError {
  switch (record.code) {
    case "model_invalid":
      return new ModelInvalidError(record.message);
    case "device_unavailable":
    case "device_lost":
    case "out_of_memory":
      return new DeviceError(record.code, record.message);
  }
  const error = new EngineError(
    record.code ?? "engine_failed",
    record.message,
    record.param === undefined ? {} : { param: record.param },
  );
  if (record.retryAfterSeconds !== undefined) {
    return Object.assign(error, { retryAfterSeconds: record.retryAfterSeconds });
  }
  return error;
}
