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
const MAX_TURNS = 40_000;

/** Whether the driver gives each of a few workgroups a thread of its own: known of llvmpipe alone. */
export function canFuse({ info, hasReadWriteTextures }: GpuDevice): boolean {
  const numThreads = countSoftwareThreads();
  return hasReadWriteTextures && info.description.startsWith("llvmpipe") && numThreads >= 2 &&
    numThreads <= navigator.hardwareConcurrency;
}

/** Makes one dispatch, or few, of neighbouring layers that differ in their weights alone. */
export async function fuseLayers(
  device: GpuDevice,
  grid: GPUBuffer,
  layers: readonly (readonly FusableDispatch[])[],
): Promise<Dispatch[]> {
  const dispatches: Dispatch[] = [];
  for (let first = 0; first < layers.length;) {
    const run = takeRun(layers.slice(first));
    first += run.numLayers;
    const own = layers.slice(first - run.numLayers, first).flat();
    dispatches.push(...run.numLayers < 2 ? own : await fuseRun(device, grid, run, own));
  }
  return dispatches;
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

/**
 * The run as one dispatch, as two, as four …, for a step of one token; and each dispatch alone for all others. A step without logits
 * is one of the others: nobody reads whether it gave up.
 */
async function fuseRun(
  device: GpuDevice,
  grid: GPUBuffer,
  { numLayers, phases, strides }: Run,
  own: readonly Dispatch[],
): Promise<Dispatch[]> {
  const numWorkers = countSoftwareThreads();
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
  const overrides: Record<string, number | boolean> = { WORKERS: numWorkers };
  for (const [i, phase] of phases.entries()) {
    for (const [name, value] of Object.entries(phase.overrides)) {
      overrides[phaseOverride(i, name)] = value;
    }
  }
  const pipeline = await device.pipeline(kernel, kernel.name, overrides);
  const numTurns = (shape: StepShape) =>
    phases.reduce((sum, phase) => sum + phase.countTurns(shape), 0) / numWorkers;
  let last: { shape: StepShape; count: number } | null = null;
  /** Dispatches of a step; 0 where each goes alone. */
  const numPieces = (shape: StepShape) => {
    if (last?.shape !== shape) last = { shape, count: countPieces(shape) };
    return last.count;
  };
  const countPieces = (shape: StepShape) => {
    if (shape.numTokens !== 1 || shape.numLogits === 0 || shape.isUnfused) return 0;
    const fewest = Math.ceil(numLayers * numTurns(shape) / MAX_TURNS);
    return counts.find((count) => count >= fewest) ?? 0;
  };
  const counts = [1, 2, 4, 8, 16].filter((count) => count <= numLayers);
  const pieces = counts.flatMap((count) =>
    Array.from({ length: count }, (_, i): Dispatch => {
      const range = [Math.floor(i * numLayers / count), Math.floor((i + 1) * numLayers / count)];
      const buffer = device.createBuffer("range of layers", 8);
      device.writeBuffer(buffer, new Uint32Array(range));
      return {
        kernel: kernel.name,
        bindGroup: device.bind(kernel, [...bindings.keys(), grid, buffer]),
        pipeline: () => pipeline,
        workgroupsX: (shape) => numPieces(shape) === count ? numWorkers : 0,
        workgroupsY: () => 1,
      };
    })
  );
  const alone = own.map((dispatch): Dispatch => ({
    ...dispatch,
    workgroupsX: (shape) => numPieces(shape) > 0 ? 0 : dispatch.workgroupsX(shape),
  }));
  return [...pieces, ...alone];
}
