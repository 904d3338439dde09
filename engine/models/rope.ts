/**
 * Rotary position embedding: the table that the kernels read. Computed in f64 on the host, because the device's sin and cos
 * may be off by 2^-11 and lose whole angles at large positions.
 *
 * @see arXiv:2104.09864, arXiv:2309.00071 (yarn), arXiv:2402.13753 (longrope)
 * @module
 */
import { ModelInvalidError } from "../errors.ts";
import type { RopeConfig } from "./architecture.ts";
import { type Fields, readNumber, readNumbers } from "./fields.ts";

/** Angles of one position, and what their cosines and sines are multiplied by. */
export interface RopeFrequencies {
  /** Radians a position, [R / 2]. */
  readonly frequencies: Float64Array;
  /** 1 unless the scaling says otherwise. */
  readonly magnitude: number;
}

type Scale = (
  frequencies: Float64Array,
  scaling: Fields,
  context: { theta: number; contextLength: number },
) => RopeFrequencies;

/** By `rope_type`. */
const SCALINGS: ReadonlyMap<unknown, Scale> = new Map<unknown, Scale>([
  ["default", (frequencies) => ({ frequencies, magnitude: 1 })],
  ["linear", scaleLinearly],
  ["llama3", scaleByWavelength],
  ["yarn", scaleByYarn],
  ["longrope", scaleByFactors],
  ["su", scaleByFactors], // longrope's first name
]);

/**
 * Frequencies theta^(-2i/R), scaled as the config says.
 *
 * @param contextLength tokens a sequence may hold: longrope chooses by it, once, since cached keys must not change
 * @throws {ModelInvalidError} an unknown scaling, or one with a bad value
 */
export function computeRopeFrequencies(
  { theta, scaling }: RopeConfig,
  rotaryDim: number,
  contextLength: number,
): RopeFrequencies {
  const half = rotaryDim / 2;
  const frequencies = Float64Array.from({ length: half }, (_, i) => theta ** (-i / half));
  const kind = scaling?.rope_type ?? scaling?.type ?? "default";
  const scale = SCALINGS.get(kind);
  if (!scale) {
    throw new ModelInvalidError(
      `The model's rope_scaling is of type ${JSON.stringify(kind)}; ${
        [...SCALINGS.keys()].join(", ")
      } can be run`,
    );
  }
  return scale(frequencies, scaling ?? {}, { theta, contextLength });
}

function readFactor(scaling: Fields): number {
  return readNumber(scaling, "factor", { min: 1, max: 1e4 });
}

function readOriginal(scaling: Fields): number {
  return readNumber(scaling, "original_max_position_embeddings", { min: 1, max: 1e8 });
}

function scaleLinearly(frequencies: Float64Array, scaling: Fields): RopeFrequencies {
  const factor = readFactor(scaling);
  return { frequencies: frequencies.map((frequency) => frequency / factor), magnitude: 1 };
}

/** Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between interpolated. */
function scaleByWavelength(frequencies: Float64Array, scaling: Fields): RopeFrequencies {
  const factor = readFactor(scaling);
  const low = readNumber(scaling, "low_freq_factor", { min: 1e-3, max: 1e4 });
  const high = readNumber(scaling, "high_freq_factor", { min: 1e-3, max: 1e4 });
  const original = readOriginal(scaling);
  if (high <= low) {
    throw new ModelInvalidError(
      `rope_scaling.high_freq_factor is ${high}; it must be above low_freq_factor, ${low}`,
    );
  }
  const scaled = frequencies.map((frequency) => {
    const wavelength = 2 * Math.PI / frequency;
    if (wavelength < original / high) return frequency;
    if (wavelength > original / low) return frequency / factor;
    const share = (original / wavelength - low) / (high - low);
    return (1 - share) * frequency / factor + share * frequency;
  });
  return { frequencies: scaled, magnitude: 1 };
}

/** Yarn: components that turn often keep their frequency, slow ones are divided, with a ramp between. */
function scaleByYarn(
  frequencies: Float64Array,
  scaling: Fields,
  { theta }: { theta: number },
): RopeFrequencies {
  const factor = readFactor(scaling);
  const original = readOriginal(scaling);
  const bound = { min: 1e-3, max: 1e6 };
  const fast = readNumber({ beta_fast: scaling.beta_fast ?? 32 }, "beta_fast", bound);
  const slow = readNumber({ beta_slow: scaling.beta_slow ?? 1 }, "beta_slow", bound);
  const last = 2 * frequencies.length - 1;
  const dimension = (numTurns: number) =>
    frequencies.length * Math.log(original / (2 * Math.PI * numTurns)) / Math.log(theta);
  const low = Math.max(0, Math.floor(dimension(fast)));
  const high = Math.max(low + 1e-3, Math.min(last, Math.ceil(dimension(slow))));
  const scaled = frequencies.map((frequency, i) => {
    const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
    return frequency / factor * ramp + frequency * (1 - ramp);
  });
  const attentionFactor = scaling.attention_factor ?? 0.1 * Math.log(factor) + 1;
  const magnitude = readNumber({ attention_factor: attentionFactor }, "attention_factor", bound);
  return { frequencies: scaled, magnitude };
}

/** Longrope: a divisor for each frequency, from one of two lists. */
function scaleByFactors(
  frequencies: Float64Array,
  scaling: Fields,
  { contextLength }: { contextLength: number },
): RopeFrequencies {
  const original = readOriginal(scaling);
  const maximum = readNumber(scaling, "max_position_embeddings", { min: 1, max: 1e8 });
  const name = contextLength > original ? "long_factor" : "short_factor";
  const factors = readNumbers(scaling, name, frequencies.length, { min: 1e-3, max: 1e6 });
  const magnitude = maximum <= original
    ? 1
    : Math.sqrt(1 + Math.log(maximum / original) / Math.log(original));
  return { frequencies: frequencies.map((frequency, i) => frequency / factors[i]!), magnitude };
}

/** Cosines, then sines, of each position: [numPositions, 2, R / 2] f32. */
export function computeRopeTable(
  { frequencies, magnitude }: RopeFrequencies,
  numPositions: number,
): Float32Array<ArrayBuffer> {
  const half = frequencies.length;
  const table = new Float32Array(numPositions * 2 * half);
  for (let position = 0; position < numPositions; position++) {
    const row = position * 2 * half;
    for (let i = 0; i < half; i++) {
      const angle = position * frequencies[i]!;
      table[row + i] = magnitude * Math.cos(angle);
      table[row + half + i] = magnitude * Math.sin(angle);
    }
  }
  return table;
}
