/**
 * What serving is measured by: rates of several streams, time to the first token, and how long a long prompt holds others up.
 *
 * @module
 */
import { median } from "../../statistics.ts";
import type { Generation, Service } from "./service.ts";

/** Sizes. Prompts are digits, of which each is a token in the models used. */
export interface ServingOptions {
  /** Numbers of streams. */
  streams: number[];
  numPromptTokens: number;
  numGeneratedTokens: number;
  /** Tokens of the prefix that is in the cache or not; 0 leaves the part out. */
  numPrefixTokens: number;
  /** Tokens of the prompt that is admitted while others run; 0 leaves the part out. */
  numAdmittedTokens: number;
  /** Makes the prompts of one run; another seed, other prompts. */
  seed: number;
}

/** Rates of some streams, in tokens a second together. */
export interface StreamRates {
  /** From the first request to the last token. */
  total: number;
  /** While all of them decode; null where they never all did. */
  decode: number | null;
  numOutputTokens: number;
}

/** Times to the first token, in ms. */
export interface PrefixTimes {
  coldMs: number;
  cachedMs: number;
  numPromptTokens: number;
  /** As the reply to the second request says. */
  numCachedTokens: number;
}

/** Time between the tokens of running streams, in ms. */
export interface AdmissionTimes {
  numStreams: number;
  /** Before. */
  usualMs: number;
  /** While the long prompt is computed. */
  p50Ms: number;
  p99Ms: number;
  numGaps: number;
  numAdmittedTokens: number;
}

/** One run. */
export interface ServingResult {
  streams: Record<number, StreamRates>;
  prefix: PrefixTimes | null;
  admission: AdmissionTimes | null;
}

/** Of each stream before so many are measured: what batches like best is compiled behind the first of them. */
const NUM_WARMUP_TOKENS = 96;
/** With the long prompt's they are as many as a server runs at once. */
const NUM_BACKGROUND = 15;
/** Tokens of each running stream before the long prompt comes. */
const NUM_USUAL_GAPS = 16;
const MAX_BACKGROUND_TOKENS = 1024;
const NUM_TAIL_TOKENS = 16;

/** Runs all parts once. */
export async function measureServing(
  service: Service,
  options: ServingOptions,
): Promise<ServingResult> {
  const digits = createDigits(options.seed);
  await service.generate({ prompt: digits(options.numPromptTokens), maxTokens: 4 });
  const streams: ServingResult["streams"] = {};
  for (const numStreams of options.streams) {
    const some = { ...options, numStreams };
    if (numStreams > 1) {
      await measureStreams(service, digits, { ...some, numGeneratedTokens: NUM_WARMUP_TOKENS });
    }
    streams[numStreams] = await measureStreams(service, digits, some);
  }
  const { numPrefixTokens, numAdmittedTokens } = options;
  return {
    streams,
    prefix: numPrefixTokens > 0 ? await measurePrefix(service, digits, numPrefixTokens) : null,
    admission: numAdmittedTokens > 0
      ? await measureAdmission(service, digits, { ...options, numAdmittedTokens })
      : null,
  };
}

async function measureStreams(
  service: Service,
  digits: (count: number) => string,
  options: Pick<ServingOptions, "numPromptTokens" | "numGeneratedTokens"> & { numStreams: number },
): Promise<StreamRates> {
  const { numStreams, numPromptTokens, numGeneratedTokens } = options;
  const start = performance.now();
  const generations = await Promise.all(
    Array.from(
      { length: numStreams },
      () => service.generate({ prompt: digits(numPromptTokens), maxTokens: numGeneratedTokens }),
    ),
  );
  requireCold(generations);
  const numOutputTokens = generations.reduce(
    (sum, { numOutputTokens }) => sum + numOutputTokens,
    0,
  );
  const end = Math.max(...generations.map(({ times }) => times.at(-1) ?? NaN));
  return {
    total: 1000 * numOutputTokens / (end - start),
    decode: computeDecodeRate(generations),
    numOutputTokens,
  };
}

/** Tokens behind the last stream's first token and up to the first stream's last, over that time. */
export function computeDecodeRate(generations: readonly Generation[]): number | null {
  const from = Math.max(...generations.map(({ times }) => times[0] ?? Infinity));
  const to = Math.min(...generations.map(({ times }) => times.at(-1) ?? -Infinity));
  if (!(from < to)) return null;
  let numTokens = 0;
  for (const { times, numOutputTokens } of generations) {
    const numPieces = times.filter((time) => time > from && time <= to).length;
    numTokens += numPieces * numOutputTokens / times.length;
  }
  return 1000 * numTokens / (to - from);
}

function requireCold(generations: readonly Generation[]): void {
  for (const { numCachedTokens, numPromptTokens } of generations) {
    if (numCachedTokens > 0) {
      throw new Error(
        `${numCachedTokens} of ${numPromptTokens} tokens of a new prompt were cached`,
      );
    }
  }
}

async function measurePrefix(
  service: Service,
  digits: (count: number) => string,
  numPrefixTokens: number,
): Promise<PrefixTimes> {
  const prefix = digits(numPrefixTokens);
  const request = () =>
    service.generate({ prompt: prefix + digits(NUM_TAIL_TOKENS), maxTokens: 2 });
  const cold = await request();
  requireCold([cold]);
  const cached = await request();
  return {
    coldMs: firstTokenMs(cold),
    cachedMs: firstTokenMs(cached),
    numPromptTokens: cached.numPromptTokens,
    numCachedTokens: cached.numCachedTokens,
  };
}

function firstTokenMs({ start, times }: Generation): number {
  if (times.length === 0) throw new Error("A generation ended before its first text");
  return times[0]! - start;
}

async function measureAdmission(
  service: Service,
  digits: (count: number) => string,
  options: Pick<ServingOptions, "numPromptTokens" | "numAdmittedTokens">,
): Promise<AdmissionTimes> {
  const stop = new AbortController();
  const running: number[][] = [];
  const settled = Promise.withResolvers<void>();
  const background = Array.from({ length: NUM_BACKGROUND }, () => {
    const times: number[] = [];
    running.push(times);
    return service.generate({
      prompt: digits(options.numPromptTokens),
      maxTokens: MAX_BACKGROUND_TOKENS,
      signal: stop.signal,
      onText() {
        times.push(performance.now());
        if (running.every(({ length }) => length > NUM_USUAL_GAPS)) settled.resolve();
      },
    });
  });
  const ended = Promise.all(background).then(() => {
    throw new Error("The running streams ended before the long prompt was computed");
  });
  try {
    await Promise.race([settled.promise, ended]);
    const prompt = digits(options.numAdmittedTokens);
    const admitted = await Promise.race([service.generate({ prompt, maxTokens: 2 }), ended]);
    requireCold([admitted]);
    const from = admitted.start;
    const to = from + firstTokenMs(admitted);
    const during = running.flatMap((times) => gapsOf(times, from, to));
    return {
      numStreams: NUM_BACKGROUND,
      usualMs: median(running.flatMap((times) => gapsOf(times.slice(1), -Infinity, from))),
      p50Ms: median(during),
      p99Ms: quantile(during, 0.99),
      numGaps: during.length,
      numAdmittedTokens: admitted.numPromptTokens,
    };
  } finally {
    stop.abort();
    await Promise.allSettled([...background, ended]);
  }
}

/** Gaps that end within a time. */
function gapsOf(times: readonly number[], from: number, to: number): number[] {
  return times.flatMap((time, i) =>
    i > 0 && time > from && time <= to ? [time - times[i - 1]!] : []
  );
}

/** Smallest value that at least this share of the values does not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** Digits that do not repeat within a run. */
function createDigits(seed: number): (count: number) => string {
  let state = seed * 0x9e3779b9 >>> 0;
  return (count) =>
    Array.from({ length: count }, () => {
      state = Math.imul(state, 1664525) + 1013904223 >>> 0;
      return Math.floor(state / 2 ** 32 * 10);
    }).join("");
}
