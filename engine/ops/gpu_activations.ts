/**
 * Activations of the gpu set: plain buffers, and those that stand for a norm that their reader computes.
 *
 * @module
 */
import type { GpuDevice } from "../gpu/mod.ts";
import type { LinearInput } from "./gpu_linear_bindings.ts";
import type { Activation, ActivationName, Matrix, Residual } from "./operations.ts";

/** Buffers that layers share, and what stands for what. */
export class GpuActivations {
  readonly #device: GpuDevice;
  readonly #maxStepTokens: number;
  readonly #buffers = new Map<string, GPUBuffer>();
  readonly #activations = new Map<Matrix, Map<ActivationName, Activation>>();
  readonly #norms = new Map<Activation, Residual>();

  constructor(device: GpuDevice, maxStepTokens: number) {
    this.#device = device;
    this.#maxStepTokens = maxStepTokens;
  }

  /** [numRows, numCols] f32, one for each name and row length. @param numRows absent for T */
  scratch(name: string, numCols: number, numRows: number = this.#maxStepTokens): GPUBuffer {
    const key = `${name} of ${numCols} columns`;
    const known = this.#buffers.get(key);
    if (known) return known;
    const buffer = this.#device.createBuffer(key, 4 * numCols * numRows);
    this.#buffers.set(key, buffer);
    return buffer;
  }

  /** The activation that a matrix reads: the same one each time. */
  get(name: ActivationName, weight: Matrix): Activation {
    let own = this.#activations.get(weight);
    if (!own) this.#activations.set(weight, own = new Map());
    let activation = own.get(name);
    if (!activation) {
      const { numCols } = weight;
      activation = { numCols, resources: [this.scratch(name, numCols)] };
      own.set(name, activation);
    }
    return activation;
  }

  /** From here on `to.normed` stands for the norm of `to.hidden`. */
  standForNorm(to: Residual): void {
    this.#norms.set(to.normed, to);
  }

  /** Where a layer reads `x`. */
  inputOf(x: Activation): LinearInput {
    const residual = this.#norms.get(x);
    if (!residual) return { kind: "plain", x: bufferOf(x) };
    const { hidden, norm } = residual;
    return {
      kind: "normed",
      hidden,
      gamma: norm.weight,
      eps: norm.eps,
      staged: bufferOf(x),
      factors: this.scratch("norm factors", 1),
    };
  }

  /** Frees the buffers. */
  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }
}

/** The only resource of this set's activations. */
export function bufferOf({ resources }: Activation): GPUBuffer {
  return resources[0] as GPUBuffer;
}
