/**
 * What loads found out about the speed of this machine, kept in one small file of the user's cache folder for the next plan.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { isJsonObject } from "../formats/mod.ts";
import { CacheFile, type CacheFormat } from "./cache_file.ts";
import { hasSameShapes, type MeasuredModel, type StepCosts } from "./prediction.ts";

/** Format of the file; one with another number is measured anew. */
const VERSION = 1;

/** A machine has one or two adapters and a user some ten models; the oldest measurements go first. */
const MAX_MEASUREMENTS = 64;

/** 64 measurements take 30 kB. */
const MAX_FILE_BYTES = 1 << 18;

/** Names and descriptions are short; what is longer is not ours. */
const MAX_TEXT_LENGTH = 1024;

/** Loads that a mean is taken over, the latest counting most: the machine may be busier today. */
const MAX_SAMPLES = 4;

/** How long a full mean stands before a load measures again. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** What was measured on; times of one say nothing of another. */
export interface MeasuredOn {
  /** The adapter's own description. */
  readonly adapter: string;
  readonly kernelSet: string;
  /** `KERNELS_VERSION` of kernels/mod.ts. */
  readonly kernelsVersion: number;
}

/** One model on one adapter, as it is kept. */
export interface Measurement extends MeasuredOn, MeasuredModel {
  /** Loads in the mean. */
  readonly numSamples: number;
  /** Unix ms of the last one. */
  readonly measuredAt: number;
}

/** What the times of a model depend on. */
export type ModelShapes = StepCosts & Pick<MeasuredModel, "quantization">;

/** What the file holds. */
export interface ReadMeasurements {
  readonly measurements: readonly Measurement[];
  /** Why nothing in it can be used; null where there is no file, or a sound one. */
  readonly fault: string | null;
}

const TIMES = ["fixedMs", "decodeMs", "prefillMs"] as const;
const TEXTS = ["adapter", "kernelSet", "model", "quantization"] as const;
const NUMBERS = [
  ...TIMES,
  "decodeContext",
  "prefillTokens",
  "weightBytes",
  "headBytes",
  "numLayerWeights",
  "kvTokenBytes",
  "kernelsVersion",
  "numSamples",
  "measuredAt",
] as const;

/** The user's folder for what can be made again; null where the system names none. */
export function findCacheDir(): string | null {
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  // The specification ignores relative paths.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, "ollm");
  const home = Deno.env.get("HOME");
  const base = {
    windows: Deno.env.get("LOCALAPPDATA"),
    darwin: home && join(home, "Library", "Caches"),
  }[Deno.build.os as string] ?? (home && join(home, ".cache"));
  return base ? join(base, "ollm") : null;
}

const FORMAT: CacheFormat<Measurement> = {
  version: VERSION,
  field: "measurements",
  maxEntries: MAX_MEASUREMENTS,
  maxBytes: MAX_FILE_BYTES,
  isEntry: isMeasurement,
};

/** The measurements of a cache folder. */
export class MeasurementFile {
  readonly #file: CacheFile<Measurement>;

  /** @param dir the folder; made at the first {@linkcode record} */
  constructor(dir: string) {
    this.#file = new CacheFile(join(dir, "measurements.json"), FORMAT);
  }

  /** Reads the file. A damaged one is as good as none. */
  async read(): Promise<ReadMeasurements> {
    const { entries, fault } = await this.#file.read();
    return { measurements: entries, fault };
  }

  /**
   * Adds what a load measured; another load of the same shapes on the same adapter goes into its mean.
   *
   * @throws {Error} the file cannot be written, or another process holds it for too long
   */
  async record(on: MeasuredOn, model: MeasuredModel): Promise<void> {
    await this.#file.update((measurements) => {
      const isSame = (other: Measurement) => isOn(other, on) && hasSameShapes(other, model);
      const own = { ...on, ...model, ...toMean(model, measurements.find(isSame)) };
      const others = measurements.filter((other) => !isSame(other));
      return [...others, own];
    });
  }
}

/** Whether `measurement` is of this adapter and these kernels. */
export function isOn(measurement: Measurement, on: MeasuredOn): boolean {
  return measurement.adapter === on.adapter && measurement.kernelSet === on.kernelSet &&
    measurement.kernelsVersion === on.kernelsVersion;
}

/**
 * Whether a load may leave measuring out: the mean of these shapes is full, and its last sample less than a day old.
 *
 * @param now Unix ms
 */
export function isSettled(
  measurements: readonly Measurement[],
  on: MeasuredOn,
  { shapes, now }: { shapes: ModelShapes; now: number },
): boolean {
  const known = measurements.find((other) => isOn(other, on) && hasSameShapes(other, shapes));
  if (known === undefined || known.numSamples < MAX_SAMPLES) return false;
  const ageMs = now - known.measuredAt;
  return ageMs >= 0 && ageMs < MAX_AGE_MS; // a clock that was set back tells nothing
}

function toMean(model: MeasuredModel, earlier: Measurement | undefined) {
  const isComparable = earlier?.prefillTokens === model.prefillTokens &&
    earlier.decodeContext === model.decodeContext;
  const numSamples = isComparable ? Math.min(MAX_SAMPLES, earlier.numSamples + 1) : 1;
  const times = TIMES.map((name) => {
    const before = isComparable ? earlier[name] : model[name];
    return [name, before + (model[name] - before) / numSamples];
  });
  return { ...Object.fromEntries(times), numSamples, measuredAt: Date.now() };
}

function isMeasurement(value: unknown): value is Measurement {
  return isJsonObject(value) &&
    TEXTS.every((name) => {
      const text = value[name];
      return typeof text === "string" && text.length <= MAX_TEXT_LENGTH;
    }) &&
    NUMBERS.every((name) => {
      const number = value[name];
      return typeof number === "number" && Number.isFinite(number) && number > 0;
    });
}
