/**
 * Layers of the software set that go as one dispatch, where the driver runs workgroups side by side: host half of
 * kernels/software/fused.ts.
 *
 * @module
 */
import {
  type AssembledKernel,
  fusedKernel,
  phaseOverride,
  type PhaseResource,
} from "../../kernels/mod.ts";
import {
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

/** What a dispatch does for a step of one token, as a part of a larger one. */
export interface FusablePhase {
  readonly kernel: AssembledKernel;
  readonly entry: string;
  readonly resources: readonly GpuResource[];
  readonly overrides: Overrides;
  /** Workgroups along x and y. */
  readonly x: number;
  readonly y: number;
  /** Turns of its loops at most, of all workgroups together. */
  countTurns(shape: StepShape): number;
}

/** A dispatch that can be a part of a larger one. */
export interface FusableDispatch extends Dispatch {
  /** Absent where it has to go alone. */
  readonly phase?: FusablePhase;
}

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
  readonly #ranges: GPUBuffer[] = [];

  constructor(device: GpuDevice) {
    this.#device = device;
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
   * The run as one dispatch, as two, as four …, for a step of one token; and each dispatch alone for all others. A step without logits
   * is one of the others: nobody reads whether it gave up.
   */
  async #fuseRun(run: Run, own: readonly Dispatch[]): Promise<Dispatch[]> {
    const workersOf = ({ isSolo = false }: StepShape) => isSolo ? 1 : countSoftwareThreads();
    const { kernel, resources, overrides } = describeKernel(run);
    const pipeline = await this.#device.pipeline(kernel, kernel.name, overrides);
    const counts = [1, 2, 4, 8, 16].filter((count) => count <= run.numLayers);
    const countPieces = rememberLast((shape: StepShape) => {
      if (shape.numTokens !== 1 || shape.numLogits === 0) return 0;
      const numTurns = countTurns(run, shape, workersOf(shape));
      const fewest = Math.ceil(run.numLayers * numTurns / MAX_TURNS);
      return counts.find((count) => count >= fewest) ?? 0;
    });
    const pieces = counts.flatMap((count) =>
      Array.from({ length: count }, (_, i): Dispatch => ({
        kernel: kernel.name,
        bindGroup: this.#device.bind(kernel, [
          ...resources,
          this.failures,
          this.#range(i * run.numLayers / count, (i + 1) * run.numLayers / count),
        ]),
        pipeline: () => pipeline,
        workgroupsX: (shape) => countPieces(shape) === count ? workersOf(shape) : 0,
        workgroupsY: () => 1,
      }))
    );
    const alone = own.map((dispatch): Dispatch => ({
      ...dispatch,
      workgroupsX: (shape) => countPieces(shape) > 0 ? 0 : dispatch.workgroupsX(shape),
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

/** Keeps the result for the shape that was asked for last: many dispatches ask for it, one after the other. */
function rememberLast(compute: (shape: StepShape) => number): (shape: StepShape) => number {
  let last: { shape: StepShape; result: number } | null = null;
  return (shape) => {
    if (last?.shape !== shape) last = { shape, result: compute(shape) };
    return last.result;
  };
}

/** Turns of the workgroup that has most to do in a layer, at most. */
function countTurns({ phases }: Run, shape: StepShape, numWorkers: number): number {
  return phases.reduce((sum, phase) => {
    const numGroups = phase.x * phase.y;
    return sum + Math.ceil(numGroups / numWorkers) * phase.countTurns(shape) / numGroups;
  }, 0);
}

/** Layers that one kernel can go through. */
interface Run {
  readonly numLayers: number;
  /** Of the first layer. */
  readonly phases: readonly FusablePhase[];
  /** For each phase and each of its bindings, slots from a layer to the next; null where all layers share the resource. */
  readonly strides: readonly (readonly (number | null)[])[];
}

/** As many of the first layers as are alike. */
function takeRun(layers: readonly (readonly FusableDispatch[])[]): Run {
  const [first, second] = layers.map(phasesOf);
  const alone = { numLayers: 1, phases: [], strides: [] };
  if (!first || !second) return alone;
  const strides = first.map((phase, i) =>
    phase.resources.map((resource, j) => strideOf(resource, second[i]?.resources[j]))
  );
  if (strides.flat().includes(undefined)) return alone;
  const known = strides as (number | null)[][];
  const others = layers.findIndex((layer, index) =>
    !continues(first, known, phasesOf(layer), index)
  );
  return { numLayers: others < 0 ? layers.length : others, phases: first, strides: known };
}

/** Null where a dispatch has to go alone. */
function phasesOf(layer: readonly FusableDispatch[]): FusablePhase[] | null {
  const phases = layer.flatMap(({ phase }) => phase ? [phase] : []);
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
    return phase.entry === other.entry && phase.x === other.x && phase.y === other.y &&
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
function describeKernel({ phases, strides }: Run): {
  kernel: AssembledKernel;
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
  const kernel = fusedKernel(phases.map(({ kernel, entry, x, y, resources }, i) => ({
    ...{ kernel, entry, x, y },
    resources: resources.map((resource, j) => bind(resource, strides[i]![j]!)),
  })));
  const overrides = phases.flatMap((phase, i) =>
    Object.entries(phase.overrides).map(([name, value]) => [phaseOverride(i, name), value] as const)
  );
  return { kernel, resources: [...bindings.keys()], overrides: Object.fromEntries(overrides) };
}
