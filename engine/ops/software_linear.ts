/**
 * Linear layers of the software set: which kernel, which entry point, how many workgroups.
 *
 * @module
 */
import {
  canTakeRows,
  GEMM_TOKENS,
  isPairedEnd,
  type LinearKernelOptions,
  linearSuffix,
  MAX_ROW_TILES,
  SOFTWARE_KERNELS,
} from "../../kernels/mod.ts";
import {
  countSoftwareThreads,
  type GpuDevice,
  type GpuResource,
  type Overrides,
} from "../gpu/mod.ts";
import type { Count } from "./dispatch.ts";
import type { FusableDispatch } from "./layer_runs.ts";
import type { Activation, Matrix, MatrixPart } from "./operations.ts";
import { softwareActivation } from "./software_activations.ts";
import { numTilesOf, tileOverrides, tileShapeOf, weightFormatOf } from "./tiled_matrices.ts";

/** From this many tiles on a workgroup takes two: half the loads of x, and still enough to share. */
const MIN_WIDE_TILES = 32;

/** Turns of the loops with which a token of a tile ends, at most. */
const TILE_END_TURNS = 4;

/** Rows of a block. */
const BLOCK_ROWS = 8;

/** A layer's input, its part of the weights and how it ends. */
export interface SoftwareLinearOptions {
  readonly x: Activation;
  readonly weight: Matrix;
  readonly part: MatrixPart;
  readonly end: Pick<LinearKernelOptions, "end" | "staged" | "kvElem" | "hasHeadNorms">;
  /** Bindings of the end. */
  readonly resources: readonly GpuResource[];
  /** Overrides of the end. */
  readonly overrides: Overrides;
  /**
   * Workgroups, where the end joins two blocks a lane.
   * @default all tiles of the part
   */
  readonly numTiles?: number;
  /** Rows of the batch. */
  readonly count: Count;
}

/** Binds the layer; its entry points are compiled for the shapes that it is prepared for. */
export function createSoftwareLinear(
  device: GpuDevice,
  step: GPUBuffer,
  options: SoftwareLinearOptions,
): FusableDispatch {
  const { weight, part, end, count } = options;
  const { numTiles = numTilesOf(part.numRows) } = options;
  const x = softwareActivation(options.x);
  const format = weightFormatOf(weight);
  const { numSteps, numLines } = tileShapeOf(weight);
  const isByRows = format === "q4_int8_rows";
  const isPaired = isPairedEnd(end.end);
  const isWide = !isPaired && numTiles >= MIN_WIDE_TILES;
  const kernel = SOFTWARE_KERNELS.linear({
    format,
    ...(x.squares ? { numNormTiles: numTilesOf(weight.numCols) } : {}),
    isWide,
    ...(isByRows ? { numGroups: numSteps } : {}),
    ...end,
  });
  const overrides = {
    K: weight.numCols,
    STEPS: numSteps,
    NUM_TILES: numTiles,
    ...tileOverrides(weight),
    ...options.overrides,
  };
  const forms = [1, ...GEMM_TOKENS].map((numTokens): Form => {
    const takesRows = isByRows && canTakeRows(numTokens, numSteps);
    return {
      numTokens,
      entry: `${kernel.name}_${linearSuffix(numTokens)}`,
      pipeline: null,
      takesRows,
      workgroupsY: takesRows ? numRowWorkgroups(numTiles) : Math.ceil(numTiles / (isWide ? 2 : 1)),
    };
  });
  const resources = [step, ...x.resources, ...part.resources, ...options.resources];
  const countTurns = ({ numTokens, workgroupsY, takesRows }: Form) => {
    const endTurns = numTokens * TILE_END_TURNS;
    if (!takesRows) return numSteps + numLines + endTurns;
    return Math.ceil(numTiles / workgroupsY) * (1 + BLOCK_ROWS * (isPaired ? 2 : 1) + endTurns);
  };
  return {
    phase(numTokens) {
      const form = forms.find((form) => form.numTokens === numTokens)!;
      return {
        ...{ kernel, overrides, resources, entry: form.entry },
        x: { tokensEach: numTokens },
        y: form.workgroupsY,
        countTurns: () => countTurns(form),
      };
    },
    kernel: kernel.name,
    bindGroup: device.bind(kernel, resources),
    async prepare(shape) {
      const form = chooseForm(forms, count(shape));
      form.pipeline ??= await device.pipeline(kernel, form.entry, overrides);
    },
    pipeline: (shape) => readyForm(forms, count(shape)).pipeline!,
    workgroupsX(shape) {
      const numTokens = count(shape);
      return Math.ceil(numTokens / readyForm(forms, numTokens).numTokens);
    },
    workgroupsY: (shape) => readyForm(forms, count(shape)).workgroupsY,
  };
}

/** As few as may be, in equal shares of the threads: each loads all of x. */
function numRowWorkgroups(numTiles: number): number {
  const numThreads = countSoftwareThreads();
  const numRounds = Math.ceil(numTiles / MAX_ROW_TILES / numThreads);
  return Math.min(numTiles, numThreads * numRounds);
}

/** An entry point, made for batches of so many tokens; it takes larger ones in turns, and smaller ones at the price of so many. */
interface Form {
  readonly numTokens: number;
  readonly entry: string;
  /** Null until it is compiled. */
  pipeline: GPUComputePipeline | null;
  /** Whether it takes rows one after the other, and not steps along K. */
  readonly takesRows: boolean;
  readonly workgroupsY: number;
}

/** The one that suits a batch. */
function chooseForm(forms: readonly Form[], numTokens: number): Form {
  return forms.find((form) => numTokens <= form.numTokens) ?? forms.at(-1)!;
}

/** Of those that are compiled. */
function readyForm(forms: readonly Form[], numTokens: number): Form {
  const ready = forms.filter(({ pipeline }) => pipeline !== null);
  return chooseForm(ready.length > 0 ? ready : forms, numTokens);
}
