/**
 * Rotary position embedding: frequencies and the table that the kernels read. Computed in f64 on the host, because the
 * device's sin and cos may be off by 2^-11 and lose whole angles at large positions.
 *
 * @module
 */
import { ModelInvalidError } from "../errors.ts";
import { type Fields, readNumber } from "./fields.ts";

/**
 * Frequencies in radians a position: theta^(-2i/C), then scaled as the config says.
 *
 * @param scaling `rope_scaling` of the published config; null, `linear` and `llama3` are known
 * @returns [headDim / 2]
 * @throws {ModelInvalidError} a scaling that we do not know
 * @see arXiv:2104.09864; Llama 3.1's scaling by wavelength
 */
export function computeRopeFrequencies(
  headDim: number,
  theta: number,
  scaling: Fields | null,
): Float64Array {
  const half = headDim / 2;
  const frequencies = Float64Array.from({ length: half }, (_, i) => theta ** (-i / half));
  const kind = scaling?.rope_type ?? scaling?.type ?? "default";
  if (scaling === null || kind === "default") return frequencies;
  if (kind === "linear") {
    const factor = readNumber(scaling, "factor", { min: 1, max: 1e4 });
    return frequencies.map((frequency) => frequency / factor);
  }
  if (kind === "llama3") return scaleByWavelength(frequencies, scaling);
  throw new ModelInvalidError(
    `The model's rope_scaling is of type ${JSON.stringify(kind)}; "llama3" and "linear" can be run`,
  );
}

/** Long wavelengths are divided by the factor, short ones kept, those between interpolated. */
function scaleByWavelength(frequencies: Float64Array, scaling: Fields): Float64Array {
  const factor = readNumber(scaling, "factor", { min: 1, max: 1e4 });
  const low = readNumber(scaling, "low_freq_factor", { min: 1e-3, max: 1e4 });
  const high = readNumber(scaling, "high_freq_factor", { min: 1e-3, max: 1e4 });
  const original = readNumber(scaling, "original_max_position_embeddings", { min: 1, max: 1e8 });
  if (high <= low) {
    throw new ModelInvalidError(
      `rope_scaling.high_freq_factor is ${high}; it must be above low_freq_factor, ${low}`,
    );
  }
  return frequencies.map((frequency) => {
    const wavelength = 2 * Math.PI / frequency;
    if (wavelength < original / high) return frequency;
    if (wavelength > original / low) return frequency / factor;
    const share = (original / wavelength - low) / (high - low);
    return (1 - share) * frequency / factor + share * frequency;
  });
}

/** Cosines, then sines, of each position: [numPositions, 2, C / 2] f32. */
export function computeRopeTable(
  frequencies: Float64Array,
  numPositions: number,
): Float32Array<ArrayBuffer> {
  const half = frequencies.length;
  const table = new Float32Array(numPositions * 2 * half);
  for (let position = 0; position < numPositions; position++) {
    const row = position * 2 * half;
    for (let i = 0; i < half; i++) {
      const angle = position * frequencies[i]!;
      table[row + i] = Math.cos(angle);
      table[row + half + i] = Math.sin(angle);
    }
  }
  return table;
}
