/**
 * Layers of the software set that go as one dispatch, where the driver runs workgroups side by side: host half of
 * kernels/software/fused.ts.
 *
 * @module
 */
import type { Extent } from "../../kernels/mod.ts";
import {
  compileAside,
  countSoftwareThreads,
  type Dispatch,
  type GpuDevice,
  hasThreadPool,
  type StepShape,
} from "../gpu/mod.ts";
import {
  describeRun,
  type FusableDispatch,
  type FusablePhase,
  type LayerRun,
  phasesOf,
  takeRun,
} from "./layer_runs.ts";

/** Tokens of a workgroup in each form, a kernel of its own. */
const FORM_TOKENS = [1, 2, 4] as const;

/** Tokens of the steps that are fused, at most; the last form takes them in turns. */
const MAX_TOKENS = 16;

/** Dispatches that a run may be cut into. */
const PIECE_COUNTS = [1, 2, 4, 8, 16];

/** Turns of a workgroup's loops in one dispatch; kernels/lib/grid_barrier.wgsl waits for the rest that the driver allows. */
const MAX_TURNS = 35_000;

/** Whether the driver gives each of a few workgroups a thread of its own, and the machine each thread a processor. */
export function canFuse({ info, hasReadWriteTextures }: GpuDevice): boolean {
  return hasReadWriteTextures && hasThreadPool(info) &&
    countSoftwareThreads() <= navigator.hardwareConcurrency;
}

/** Makes one dispatch, or few, of neighbouring layers that differ in their weights alone. */
export class LayerFusion {
  /** See {@linkcode Operations.failures}. */
  readonly failures: GPUBuffer;
  readonly #device: GpuDevice;
  readonly #step: GPUBuffer;
  readonly #ranges: GPUBuffer[] = [];
  /** Of each run, whether it is fused in a step. */
  readonly #runs: ((shape: StepShape) => boolean)[] = [];

  /** @param step of kernels/lib/step.wgsl */
  constructor(device: GpuDevice, step: GPUBuffer) {
    this.#device = device;
    this.#step = step;
    this.failures = device.createBuffer("grid barrier", 8);
  }

  /** See {@linkcode Operations.fuseLayers}. */
  async fuse(layers: readonly (readonly FusableDispatch[])[]): Promise<Dispatch[]> {
    const dispatches: Dispatch[] = [];
    for (let first = 0; first < layers.length;) {
      const run = takeRun(layers.slice(first));
      const own = layers.slice(first, first + run.numLayers).flat();
      dispatches.push(...run.numLayers < 2 ? own : await this.#fuseRun(run, own));
      first += run.numLayers;
    }
    return dispatches;
  }

  /** See {@linkcode Operations.isFused}. */
  isFused(shape: StepShape): boolean {
    return this.#runs.some((isFused) => isFused(shape));
  }

  /**
   * The run as one dispatch, as two, as four …, for a step of few tokens that all want logits; and each dispatch alone for all others.
   * A step without logits is one of the others: nobody reads whether it gave up.
   */
  async #fuseRun(run: LayerRun, own: readonly Dispatch[]): Promise<Dispatch[]> {
    const forms = FORM_TOKENS.map((numTokens) => new Form(this.#device, run, numTokens));
    await forms[0]!.compile(); // what a load cannot do without
    const formOf = rememberLast((shape) => takeForm(forms, shape));
    this.#runs.push((shape) => formOf(shape) !== null);
    const pieces = PIECE_COUNTS.filter((count) => count <= run.numLayers).flatMap((count) =>
      Array.from({ length: count }, (_, i) => {
        const range = this.#range(i * run.numLayers / count, (i + 1) * run.numLayers / count);
        const resources = [this.failures, range, this.#step];
        return forms.map((form): Dispatch => ({
          kernel: `fused_${form.numTokens}`,
          bindGroup: () => form.bind(resources),
          async prepare(shape) {
            if (chooseForm(forms, shape) === form) await form.compile();
          },
          compileAside: (shape) =>
            chooseForm(forms, shape) === form ? form.compileAside(resources) : null,
          pipeline: () => form.pipeline!,
          workgroupsX: (shape) =>
            formOf(shape) === form && form.countPieces(shape) === count ? countWorkers(shape) : 0,
          workgroupsY: () => 1,
        }));
      }).flat()
    );
    const alone = own.map((dispatch): Dispatch => ({
      ...dispatch,
      async prepare(shape) {
        if (chooseForm(forms, shape) === null) await dispatch.prepare?.(shape);
      },
      workgroupsX: (shape) => formOf(shape) === null ? dispatch.workgroupsX(shape) : 0,
    }));
    return [...pieces, ...alone];
  }

  #range(first: number, end: number): GPUBuffer {
    const buffer = this.#device.createBuffer("range of layers", 8);
    this.#device.writeBuffer(buffer, Uint32Array.of(Math.floor(first), Math.floor(end)));
    this.#ranges.push(buffer);
    return buffer;
  }

  destroy(): void {
    this.failures.destroy();
    for (const range of this.#ranges) range.destroy();
  }
}

/** A run of layers, so many tokens a workgroup. What it takes is made when it is asked for. */
class Form {
  readonly numTokens: number;
  /** Of a step. */
  readonly maxTokens: number;
  /** Null until it is compiled. */
  pipeline: GPUComputePipeline | null = null;
  /** Dispatches that the driver's turns allow a step to have at least; 0 where they are too many. */
  readonly countPieces: (shape: StepShape) => number;
  readonly #device: GpuDevice;
  readonly #run: LayerRun;
  #description: ReturnType<typeof describeRun> | null = null;
  readonly #bindGroups = new Map<readonly GPUBuffer[], () => GPUBindGroup>();

  constructor(device: GpuDevice, run: LayerRun, numTokens: number) {
    this.#device = device;
    this.#run = run;
    this.numTokens = numTokens;
    this.maxTokens = numTokens === FORM_TOKENS.at(-1) ? MAX_TOKENS : numTokens;
    const phases = phasesOf(run.layer, numTokens)!;
    this.countPieces = rememberLast((shape) => {
      const numTurns = countTurns(phases, shape, countWorkers(shape));
      const fewest = Math.ceil(run.numLayers * numTurns / MAX_TURNS);
      return PIECE_COUNTS.find((count) => count >= fewest && count <= run.numLayers) ?? 0;
    });
  }

  get #described(): ReturnType<typeof describeRun> {
    return this.#description ??= describeRun(this.#run, this.numTokens);
  }

  /** @param resources those that follow the run's own: barrier, range, step */
  bind(resources: readonly GPUBuffer[]): GPUBindGroup {
    const known = this.#bindGroups.get(resources);
    if (known) return known();
    const { kernel, resources: own } = this.#described;
    const bound = this.#device.bind(kernel, [...own, ...resources]);
    this.#bindGroups.set(resources, bound);
    return bound();
  }

  async compile(): Promise<void> {
    if (this.pipeline) return;
    const { kernel, overrides } = this.#described;
    this.pipeline = await this.#device.pipeline(kernel, kernel.name, overrides);
  }

  /** On another thread; null where it is compiled. */
  compileAside(resources: readonly GPUBuffer[]): Promise<void> | null {
    if (this.pipeline) return null;
    const { kernel, overrides, resources: own } = this.#described;
    return compileAside(kernel, kernel.name, overrides, [...own, ...resources]);
  }
}

/** The form that suits a step best; null where its dispatches go alone. */
function chooseForm(forms: readonly Form[], shape: StepShape): Form | null {
  if (shape.numTokens !== shape.numLogits) return null;
  const form = forms.find(({ maxTokens }) => shape.numTokens <= maxTokens);
  return form && form.countPieces(shape) > 0 ? form : null;
}

/** The one that suits it best of those that are compiled. */
function takeForm(forms: readonly Form[], shape: StepShape): Form | null {
  return chooseForm(forms.filter(({ pipeline }) => pipeline !== null), shape);
}

/** Keeps the result for the shape that was asked for last: many dispatches ask for it, one after the other. */
function rememberLast<T>(compute: (shape: StepShape) => T): (shape: StepShape) => T {
  let last: { shape: StepShape; result: T } | null = null;
  return (shape) => {
    if (last?.shape !== shape) last = { shape, result: compute(shape) };
    return last.result;
  };
}

function countWorkers({ isSolo = false }: StepShape): number {
  return isSolo ? 1 : countSoftwareThreads();
}

/** Turns of the worker that has most to do in a layer, at most. */
function countTurns(
  phases: readonly FusablePhase[],
  shape: StepShape,
  numWorkers: number,
): number {
  return phases.reduce((sum, phase) => {
    const numGroups = extentOf(phase.x, shape) * extentOf(phase.y, shape);
    return sum + Math.ceil(numGroups / numWorkers) * (1 + phase.countTurns(shape));
  }, 0);
}

function extentOf(workgroups: Extent, { numTokens }: StepShape): number {
  return typeof workgroups === "number" ? workgroups : Math.ceil(numTokens / workgroups.tokensEach);
}
