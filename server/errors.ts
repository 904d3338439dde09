/**
 * The one place that knows HTTP statuses: every failure becomes an {@linkcode ApiError}, then the body of its route family.
 *
 * @module
 */
import { EngineError, type EngineErrorCode } from "../engine/mod.ts";
import { log } from "./log.ts";
import { StoreError } from "./stores/response_store.ts";

/** Statuses that this server answers with, other than 200 and 307. */
export type ErrorStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 413
  | 414
  | 415
  | 422
  | 429
  | 431
  | 500
  | 501
  | 502
  | 503
  | 504;

/** One finding of a native route's schema. */
export interface ValidationIssue {
  /** Kind of finding, for example `extra_forbidden`. */
  type: string;
  /** Where: starts with `body`. */
  loc: (string | number)[];
  /** What is wrong, in one sentence. */
  msg: string;
}

/** Optional parts of an {@linkcode ApiError}. */
export interface ApiErrorOptions extends ErrorOptions {
  /** Machine-readable reason of the OpenAI envelope. */
  code?: string;
  /** Request field at fault, as the client wrote it: `messages[0].content`. */
  param?: string;
  /** Findings, shown by native routes instead of the message. */
  issues?: ValidationIssue[];
  /** Extra reply headers. */
  headers?: Record<string, string>;
}

/** A failure with the answer that it gets. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly code: string | null;
  readonly param: string | null;
  readonly issues: ValidationIssue[] | null;
  readonly headers: Record<string, string>;

  constructor(readonly status: ErrorStatus, message: string, options: ApiErrorOptions = {}) {
    super(message, options);
    this.code = options.code ?? null;
    this.param = options.param ?? null;
    this.issues = options.issues ?? null;
    this.headers = options.headers ?? {};
  }
}

/** 400 for a value that the schema lets through and the route cannot serve. */
export function badRequest(param: string, message: string, code = "invalid_value"): ApiError {
  return new ApiError(400, message, { param, code });
}

/** 404 for a reference that names nothing here. */
export function modelNotFound(reference: string): ApiError {
  const shown = reference.length > 100 ? `${reference.slice(0, 100)}…` : reference;
  return new ApiError(
    404,
    `The model ${JSON.stringify(shown)} does not exist; GET /v1/models lists the models that do`,
    { param: "model", code: "model_not_found" },
  );
}

/** 503 for everything that arrives, or still runs, while the server goes down. */
export function shuttingDown(): ApiError {
  return new ApiError(503, "The server is shutting down; try again later", {
    code: "server_shutting_down",
    headers: { "retry-after": "5" },
  });
}

/** For a request that nobody waits for any more; hardly anyone will read it. */
export function requestCancelled(): ApiError {
  return new ApiError(503, "The request was cancelled", { code: "request_cancelled" });
}

const STATUS_OF_CODE: Record<EngineErrorCode, ErrorStatus> = {
  model_not_found: 404,
  model_invalid: 500,
  invalid_request: 400,
  context_length_exceeded: 400,
  queue_full: 429,
  queue_timeout: 503,
  device_unavailable: 503,
  device_lost: 503,
  out_of_memory: 503,
  download_failed: 502,
  offline: 503,
  answer_invalid: 500,
  engine_failed: 500,
  engine_closed: 503,
};

/** Decides the answer to any thrown value; what nobody foresaw is logged and told apart by nothing. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof EngineError) return fromEngineError(error);
  if (error instanceof StoreError) return fromStoreError(error);
  // The reason of the client's signal: it left before the engine took its request.
  if (error instanceof DOMException && error.name === "AbortError") return requestCancelled();
  log.error("Unexpected error: {error}", { error: stackOf(error) });
  return new ApiError(500, "The server failed to handle this request; its log says why", {
    code: "internal_error",
    cause: error,
  });
}

/** The same failure, with the fields at fault under the names that this route's requests have for them. */
export function renameParam(error: unknown, names: Readonly<Record<string, string>>): ApiError {
  const known = toApiError(error);
  const param = names[known.param ?? ""];
  if (param === undefined) return known;
  return new ApiError(known.status, known.message, {
    param,
    cause: error,
    headers: known.headers,
    ...(known.code === null ? {} : { code: known.code }),
  });
}

function fromEngineError(error: EngineError): ApiError {
  const status = STATUS_OF_CODE[error.code];
  // The text of an engine failure comes from anywhere, a driver included: it stays in the log.
  const isOurs = error.code !== "engine_failed";
  if (status >= 500) {
    const { code, message } = error;
    log.error("Engine error {code}: {error}", { code, error: isOurs ? message : stackOf(error) });
  }
  const message = isOurs
    ? shownText(error)
    : "The engine failed while it ran this request; the server's log says why";
  return new ApiError(status, message, {
    code: error.code,
    cause: error,
    ...(error.param === undefined ? {} : { param: toFieldName(error.param) }),
    ...(status === 429 || status === 503 ? { headers: { "retry-after": retryAfter(error) } } : {}),
  });
}

/** Never a silent success: a response that was not kept is a response that failed. */
function fromStoreError(error: StoreError): ApiError {
  log.error("Store error: {error}", { error: stackOf(error) });
  return new ApiError(500, error.message, { code: "response_store_failed", cause: error });
}

/** Whole seconds, at least 1. */
function retryAfter(error: EngineError): string {
  const seconds = "retryAfterSeconds" in error ? Number(error.retryAfterSeconds) : 1;
  return String(Math.max(1, Math.ceil(seconds)));
}

/** `sampling.topP` → `top_p`: the engine's word to the client's. What names a tool stays whole. */
function toFieldName(param: string): string {
  if (param.startsWith("tools.")) return param;
  const name = param.slice(param.lastIndexOf(".") + 1);
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What is wrong with a request quotes it, schemas and patterns included, whose slashes are no folders. */
function shownText({ code, message }: EngineError): string {
  return code === "invalid_request" || code === "answer_invalid"
    ? message
    : withoutFolders(message);
}

/** Clients may see which file is damaged, not where this machine keeps it. */
function withoutFolders(message: string): string {
  return message.replace(/(?:[A-Za-z]:)?(?:[\\/][^\\/\s"']+)+[\\/](?=[^\\/\s"']+)/g, "");
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** Which body a route's errors have: OpenAI's envelope or `{"detail": …}`. */
export type ErrorFamily = "openai" | "native";

const OPENAI_PATH =
  /^\/v1\/(?:models|chat|responses|completions|embeddings|conversations|tokenize|detokenize)(?:\/|$)/;

/** The family that a path's errors belong to. */
export function familyOf(path: string): ErrorFamily {
  return OPENAI_PATH.test(path) ? "openai" : "native";
}

/** OpenAI's error object, also the data of an error event in a stream. */
export interface OpenAiErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

/** Wraps a failure in OpenAI's envelope. */
export function toOpenAiBody(error: ApiError): OpenAiErrorBody {
  const { message, param, code } = error;
  return { error: { message, type: typeOf(error.status), param, code } };
}

/** Wraps a failure in the native body. */
export function toNativeBody(error: ApiError): { detail: string | ValidationIssue[] } {
  return { detail: error.issues ?? error.message };
}

function typeOf(status: ErrorStatus): string {
  if (status === 404) return "not_found_error";
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

/** The finished answer to a failure on `path`. */
export function toErrorResponse(error: ApiError, path: string): Response {
  const body = familyOf(path) === "openai" ? toOpenAiBody(error) : toNativeBody(error);
  return Response.json(body, { status: error.status, headers: error.headers });
}
