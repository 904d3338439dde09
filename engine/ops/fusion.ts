/**
 * Layers of the software set that go as one dispatch, where the driver runs workgroups side by side: host half of
 * kernels/software/fused.ts.
 *
 * @module
 */
import {
  type AssembledKernel,
  type Extent,
  fusedKernel,
  phaseOverride,
  type PhaseResource,
} from "../../kernels/mod.ts";
import {
  compileAside,
  countSoftwareThreads,
  type Dispatch,
  type GpuDevice,
  type GpuResource,
  hasThreadPool,
  isStackSlot,
  type Overrides,
  slotStride,
  type StepShape,
} from "../gpu/mod.ts";

/** What a dispatch does as a part of a larger one. */
export interface FusablePhase {
  readonly kernel: AssembledKernel;
  readonly entry: string;
  readonly resources: readonly GpuResource[];
  readonly overrides: Overrides;
  /** Workgroups along x and y. */
  readonly x: Extent;
  readonly y: Extent;
  /** Turns of a workgroup's loops, at most. */
  countTurns(shape: StepShape): number;
}

/** A dispatch that can be a part of a larger one. */
export interface FusableDispatch extends Dispatch {
  /** For steps of up to so many tokens, one of {@linkcode FORM_TOKENS}; absent where it has to go alone. */
  readonly phase?: (numTokens: number) => FusablePhase;
}

/**
 * Tokens of the steps that are fused, at most: each its own kernel. Dispatches for more are long beside the time that the driver
 * takes to begin them, and a little faster alone.
 */
const FORM_TOKENS = [1, 2, 4] as const;

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

  /**
   * The run as one dispatch, as two, as four …, for a step of few tokens that all want logits; and each dispatch alone for all others.
   * A step without logits is one of the others: nobody reads whether it gave up.
   */
  async #fuseRun(run: Run, own: readonly Dispatch[]): Promise<Dispatch[]> {
    const counts = [1, 2, 4, 8, 16].filter((count) => count <= run.numLayers);
    const ranges = counts.map((count) =>
      Array.from(
        { length: count },
        (_, i) => this.#range(i * run.numLayers / count, (i + 1) * run.numLayers / count),
      )
    );
    const forms = FORM_TOKENS.map((numTokens) => this.#createForm(run, numTokens, ranges));
    await forms[0]!.compile(); // what a load cannot do without
    const isFused = (shape: StepShape) => takeForm(forms, shape) !== null;
    this.#runs.push(isFused);
    const pieces = forms.flatMap((form) =>
      form.pieces.map((piece): Dispatch => ({
        ...piece,
        async prepare(shape) {
          if (chooseForm(forms, shape) === form) await form.compile();
        },
        compileAside: (shape) =>
          chooseForm(forms, shape) === form && !form.isCompiled ? form.compileAside() : null,
        workgroupsX: (shape) => takeForm(forms, shape) === form ? piece.workgroupsX(shape) : 0,
      }))
    );
    const alone = own.map((dispatch): Dispatch => ({
      ...dispatch,
      async prepare(shape) {
        if (chooseForm(forms, shape) === null) await dispatch.prepare?.(shape);
      },
      workgroupsX: (shape) => isFused(shape) ? 0 : dispatch.workgroupsX(shape),
    }));
    return [...pieces, ...alone];
  }

  /** @param ranges buffers of those of all pieces, where there is one of them, two, … */
  #createForm(run: Run, numTokens: number, ranges: readonly (readonly GPUBuffer[])[]): Form {
    const { kernel, phases, resources, overrides } = describeKernel(run, numTokens);
    const bind = (range: GPUBuffer) => [...resources, this.failures, range, this.#step];
    const workersOf = ({ isSolo = false }: StepShape) => isSolo ? 1 : countSoftwareThreads();
    const countPieces = rememberLast((shape: StepShape) => {
      const numTurns = countTurns(phases, shape, workersOf(shape));
      const fewest = Math.ceil(run.numLayers * numTurns / MAX_TURNS);
      return ranges.find(({ length }) => length >= fewest)?.length ?? 0;
    });
    let pipeline: GPUComputePipeline | null = null;
    const pieces = ranges.flatMap((range) =>
      range.map((piece): Dispatch => ({
        kernel: kernel.name,
        bindGroup: this.#device.bind(kernel, bind(piece)),
        pipeline: () => pipeline!,
        workgroupsX: (shape) => countPieces(shape) === range.length ? workersOf(shape) : 0,
        workgroupsY: () => 1,
      }))
    );
    return {
      numTokens,
      get isCompiled() {
        return pipeline !== null;
      },
      compile: async () => {
        pipeline ??= await this.#device.pipeline(kernel, kernel.name, overrides);
      },
      compileAside: () => compileAside(kernel, kernel.name, overrides, bind(ranges[0]![0]!)),
      canTake: (shape) => countPieces(shape) > 0,
      pieces,
    };
  }

  /** See {@linkcode Operations.isFused}. */
  isFused(shape: StepShape): boolean {
    return this.#runs.some((isFused) => isFused(shape));
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

/** Keeps the result for the shape that was asked for last: many dispatches ask for it, one after the other. */
function rememberLast(compute: (shape: StepShape) => number): (shape: StepShape) => number {
  let last: { shape: StepShape; result: number } | null = null;
  return (shape) => {
    if (last?.shape !== shape) last = { shape, result: compute(shape) };
    return last.result;
  };
}

/** A run of layers for steps of up to so many tokens, as one dispatch, as two, … */
interface Form {
  readonly numTokens: number;
  readonly isCompiled: boolean;
  compile(): Promise<void>;
  /** On another thread. */
  compileAside(): Promise<void>;
  /** Whether the driver allows so many turns, in however many pieces. */
  canTake(shape: StepShape): boolean;
  readonly pieces: readonly Dispatch[];
}

/** The form that suits a step best; null where its dispatches go alone. */
function chooseForm(forms: readonly Form[], shape: StepShape): Form | null {
  if (shape.numTokens !== shape.numLogits) return null;
  const form = forms.find(({ numTokens }) => shape.numTokens <= numTokens);
  return form?.canTake(shape) ? form : null;
}

/** The one that suits it best of those that are compiled. */
function takeForm(forms: readonly Form[], shape: StepShape): Form | null {
  return chooseForm(forms.filter(({ isCompiled }) => isCompiled), shape);
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

/** Layers that one kernel can go through. */
interface Run {
  readonly numLayers: number;
  /** The first layer. */
  readonly layer: readonly FusableDispatch[];
  /** For each phase and each of its bindings, slots from a layer to the next; null where all layers share the resource. */
  readonly strides: readonly (readonly (number | null)[])[];
}

/** As many of the first layers as are alike. */
function takeRun(layers: readonly (readonly FusableDispatch[])[]): Run {
  const [first, second] = layers.map((layer) => phasesOf(layer));
  const [layer] = layers as [readonly FusableDispatch[]];
  const alone = { numLayers: 1, layer, strides: [] };
  if (!first || !second) return alone;
  const strides = first.map((phase, i) =>
    phase.resources.map((resource, j) => strideOf(resource, second[i]?.resources[j]))
  );
  if (strides.flat().includes(undefined)) return alone;
  const known = strides as (number | null)[][];
  const others = layers.findIndex((layer, index) =>
    !continues(first, known, phasesOf(layer), index)
  );
  return { numLayers: others < 0 ? layers.length : others, layer, strides: known };
}

/** Null where a dispatch has to go alone. */
function phasesOf(layer: readonly FusableDispatch[], numTokens = 1): FusablePhase[] | null {
  const phases = layer.flatMap(({ phase }) => phase ? [phase(numTokens)] : []);
  return phases.length === layer.length ? phases : null;
}

/** Undefined where one kernel cannot reach both. */
function strideOf(a: GpuResource, b: GpuResource | undefined): number | null | undefined {
  if (b === undefined) return undefined;
  if (a === b) return null;
  if (!isStackSlot(a) || !isStackSlot(b) || a.stack !== b.stack) return undefined;
  return b.index - a.index;
}

/** Whether a layer is like the first one, `index` strides further. */
function continues(
  first: readonly FusablePhase[],
  strides: readonly (readonly (number | null)[])[],
  phases: readonly FusablePhase[] | null,
  index: number,
): boolean {
  return phases !== null && phases.length === first.length && phases.every((phase, i) => {
    const other = first[i]!;
    return phase.entry === other.entry &&
      JSON.stringify([phase.x, phase.y]) === JSON.stringify([other.x, other.y]) &&
      JSON.stringify(phase.overrides) === JSON.stringify(other.overrides) &&
      phase.resources.every((resource, j) => {
        const stride = strides[i]![j]!;
        const start = other.resources[j]!;
        if (stride === null) return resource === start;
        return isStackSlot(resource) && isStackSlot(start) && resource.stack === start.stack &&
          resource.index === start.index + index * stride;
      });
  });
}

/** The kernel of a run, and what it is bound to before the barrier and the range. */
function describeKernel({ layer, strides }: Run, numTokens: number): {
  kernel: AssembledKernel;
  phases: readonly FusablePhase[];
  resources: GpuResource[];
  overrides: Overrides;
} {
  const bindings = new Map<GPUBuffer | GPUTexture, number>();
  const bind = (resource: GpuResource, stride: number | null): PhaseResource => {
    const whole = isStackSlot(resource) ? resource.stack : resource;
    if (!bindings.has(whole)) bindings.set(whole, bindings.size);
    const binding = bindings.get(whole)!;
    if (!isStackSlot(resource)) return { binding };
    const { index: first, nbytes } = resource;
    const size = nbytes === undefined ? {} : { nbytes: slotStride(nbytes) };
    return { binding, slot: { first, stride: stride ?? 0, ...size } };
  };
  const phases = phasesOf(layer, numTokens)!;
  const parts = phases.map(({ kernel, entry, x, y, resources }, i) => ({
    ...{ kernel, entry, x, y },
    resources: resources.map((resource, j) => bind(resource, strides[i]![j]!)),
  }));
  const kernel = fusedKernel(parts, { hasOneToken: numTokens === 1 });
  const overrides = phases.flatMap((phase, i) =>
    Object.entries(phase.overrides).map(([name, value]) => [phaseOverride(i, name), value] as const)
  );
  const all = { overrides: Object.fromEntries(overrides), resources: [...bindings.keys()] };
  return { kernel, phases, ...all };
}
