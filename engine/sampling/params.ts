/**
 * Sampling parameters: defaults laid under a request's own values, and every range checked once, here.
 *
 * @module
 */
import { InvalidRequestError } from "../errors.ts";
import type { SamplingParams } from "../types.ts";

/** {@linkcode SamplingParams} with defaults applied and ranges checked; null means "off". */
export interface ResolvedSampling {
  /** Divides the logits; 0 is greedy. */
  readonly temperature: number;
  /** Most likely tokens kept; null keeps all. */
  readonly topK: number | null;
  /** Probability mass kept; null keeps all. */
  readonly topP: number | null;
  /** Share of the best token's probability below which tokens are dropped; null drops none. */
  readonly minP: number | null;
  /** Subtracted from tokens that were generated. */
  readonly presencePenalty: number;
  /** Subtracted for each time a token was generated. */
  readonly frequencyPenalty: number;
  /** Divides positive, multiplies negative logits of tokens in prompt and output; 1 is off. */
  readonly repetitionPenalty: number;
  /** Start of the random numbers; null takes a random one. */
  readonly seed: number | null;
  /** Added to logits first: token id → bias. */
  readonly logitBias: ReadonlyMap<number, number>;
  /** Alternatives reported with each log-probability; null reports none. */
  readonly logprobs: number | null;
}

/** Entries that a request's logit bias may have. */
const MAX_LOGIT_BIAS = 1024;

/** A number's allowed range; `above` excludes the lower end. */
interface Range {
  min: number;
  max: number;
  above?: boolean;
  integer?: boolean;
}

/** Real use stays below 2 for the temperature and near 1 for the repetition penalty; the upper ends keep logits finite. */
const RANGES = {
  temperature: { min: 0, max: 100 },
  topK: { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true },
  topP: { min: 0, max: 1, above: true },
  minP: { min: 0, max: 1 },
  presencePenalty: { min: -2, max: 2 },
  frequencyPenalty: { min: -2, max: 2 },
  repetitionPenalty: { min: 0, max: 100, above: true },
  seed: { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, integer: true },
  logprobs: { min: 0, max: 20, integer: true },
} as const satisfies Record<string, Range>;

type NumberField = keyof typeof RANGES;

/**
 * Lays a request's parameters over the model's defaults, and both over the built-in ones.
 *
 * @throws {InvalidRequestError} a value is not finite or out of its range; names the field and the range
 */
export function resolveSampling(
  params: SamplingParams,
  modelDefaults: SamplingParams,
): ResolvedSampling {
  const merged = { ...dropUndefined(modelDefaults), ...dropUndefined(params) };
  const number = (field: NumberField) => checkNumber(field, merged[field]);
  return {
    temperature: number("temperature") ?? 0,
    topK: number("topK"),
    topP: number("topP"),
    minP: number("minP"),
    presencePenalty: number("presencePenalty") ?? 0,
    frequencyPenalty: number("frequencyPenalty") ?? 0,
    repetitionPenalty: number("repetitionPenalty") ?? 1,
    seed: number("seed"),
    logitBias: checkLogitBias(merged.logitBias ?? {}),
    logprobs: number("logprobs"),
  };
}

/**
 * Reads the default sampling of a model from its chat configuration; values that no request could have are left out.
 *
 * @param chatConfig a whole `mlc-chat-config.json`
 */
export function modelDefaultSampling(chatConfig: Record<string, unknown>): SamplingParams {
  const defaults: SamplingParams = {};
  const read = (published: string, field: NumberField) => {
    const value = chatConfig[published];
    if (typeof value === "number" && isInRange(value, RANGES[field])) defaults[field] = value;
  };
  read("temperature", "temperature");
  read("top_p", "topP");
  read("presence_penalty", "presencePenalty");
  read("frequency_penalty", "frequencyPenalty");
  read("repetition_penalty", "repetitionPenalty");
  return defaults;
}

/** An own `undefined` would hide the default below it. */
function dropUndefined(params: SamplingParams): SamplingParams {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}

function checkNumber(field: NumberField, value: number | undefined): number | null {
  if (value === undefined) return null;
  const range: Range = RANGES[field];
  if (!isInRange(value, range)) {
    throw new InvalidRequestError(field, `${field} is ${value}; allowed is ${rangeText(range)}`);
  }
  return value;
}

function isInRange(value: number, range: Range): boolean {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (range.integer && !Number.isSafeInteger(value)) return false;
  return (range.above ? value > range.min : value >= range.min) && value <= range.max;
}

function rangeText(range: Range): string {
  const kind = range.integer ? "a whole number" : "a number";
  return `${kind} ${range.above ? "above" : "from"} ${range.min} to ${range.max}`;
}

function checkLogitBias(bias: Record<number, number>): ReadonlyMap<number, number> {
  const entries = Object.entries(bias);
  if (entries.length > MAX_LOGIT_BIAS) {
    throw new InvalidRequestError(
      "logitBias",
      `logitBias has ${entries.length} entries; at most ${MAX_LOGIT_BIAS} are allowed`,
    );
  }
  const checked = new Map<number, number>();
  for (const [key, value] of entries) {
    const id = Number(key);
    if (!Number.isSafeInteger(id) || id < 0) {
      throw new InvalidRequestError(
        "logitBias",
        `logitBias has the key "${key}"; token ids are whole numbers from 0`,
      );
    }
    if (!isInRange(value, { min: -100, max: 100 })) {
      throw new InvalidRequestError(
        "logitBias",
        `logitBias[${id}] is ${value}; allowed is a number from -100 to 100`,
      );
    }
    checked.set(id, value);
  }
  return checked;
}

/**
 * Checks the ids that have a bias.
 *
 * @throws {InvalidRequestError} one is outside the vocabulary of `numTokens`
 */
export function checkBiasedTokens(
  { logitBias }: Pick<ResolvedSampling, "logitBias">,
  numTokens: number,
): void {
  for (const id of logitBias.keys()) {
    if (id < numTokens) continue;
    throw new InvalidRequestError(
      "logitBias",
      `logitBias has ${id}, which is no token; the vocabulary has 0 to ${numTokens - 1}`,
    );
  }
}
