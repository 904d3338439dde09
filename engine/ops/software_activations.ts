/**
 * Activations of the software set: textures, in the precision that the weights which read them ask for.
 *
 * @module
 */
import { GEMM_TOKENS, type Precision } from "../../kernels/mod.ts";
import { destroyResources, type GpuDevice, type Overrides } from "../gpu/mod.ts";
import { numGroupsOf } from "./matrix.ts";
import type { Activation, ActivationName, Matrix } from "./operations.ts";
import { createTexture } from "./stacks.ts";
import { activationsOf, numTilesOf } from "./tiled_matrices.ts";

/** Texels of a group of 32 columns. */
const GROUP_TEXELS = { int8: 3, f32: 8 } as const;
/** Blocks of eight columns in a group. */
const GROUP_BLOCKS = 4;

/** Tokens of the largest tile. */
const TILE_TOKENS = Math.max(...GEMM_TOKENS);

/** An activation of this set. */
export interface SoftwareActivation extends Activation {
  readonly precision: Precision;
  readonly staged: GPUTexture;
  /** Partial sums of squares, where the reader has a norm to finish; see kernels/lib/residual.wgsl. */
  readonly squares: GPUTexture | null;
}

/** An activation that {@linkcode SoftwareActivations} made. */
export function softwareActivation(activation: Activation): SoftwareActivation {
  return activation as SoftwareActivation;
}

/** Overrides of whoever writes it. */
export function stagedOverrides({ numCols }: Activation): Overrides {
  return { STAGED_BLOCKS: GROUP_BLOCKS * numGroupsOf({ numCols }) };
}

/** Makes them, one of each name, width and precision. */
export class SoftwareActivations {
  readonly #device: GpuDevice;
  readonly #maxRows: number;
  readonly #activations = new Map<string, SoftwareActivation>();

  /** @param maxStepTokens T stays at or below it */
  constructor(device: GpuDevice, maxStepTokens: number) {
    this.#device = device;
    this.#maxRows = Math.ceil(maxStepTokens / TILE_TOKENS) * TILE_TOKENS; // whole tiles
  }

  /** The one that `weight` reads. */
  get(name: ActivationName, weight: Matrix): SoftwareActivation {
    const { numCols } = weight;
    const precision = activationsOf(weight);
    const key = `${name} ${precision} of ${numCols} columns`;
    let activation = this.#activations.get(key);
    if (!activation) {
      const staged = this.#texture(
        key,
        numGroupsOf({ numCols }) * GROUP_TEXELS[precision],
        precision === "int8" ? "rgba32uint" : "rgba32float",
      );
      const squares = name === "normed"
        ? this.#texture(`squares of ${key}`, numTilesOf(numCols), "rgba32float")
        : null;
      const resources = squares ? [staged, squares] : [staged];
      activation = { numCols, precision, staged, squares, resources };
      this.#activations.set(key, activation);
    }
    return activation;
  }

  #texture(label: string, width: number, format: "rgba32uint" | "rgba32float"): GPUTexture {
    return createTexture(this.#device, label, [width, this.#maxRows], format);
  }

  destroy(): void {
    for (const { resources } of this.#activations.values()) {
      destroyResources(resources);
    }
  }
}
