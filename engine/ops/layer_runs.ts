/**
 * Neighbouring layers that differ in their weights alone, and the kernel that goes through them.
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
  chunksOf,
  type Dispatch,
  type GpuResource,
  isStackSlot,
  type Overrides,
  slotStride,
  type StackSlot,
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
  /** For steps of up to so many tokens, a form of fusion.ts; absent where it has to go alone. */
  readonly phase?: (numTokens: number) => FusablePhase;
}

/** Layers that one kernel can go through. */
export interface LayerRun {
  readonly numLayers: number;
  /** The first layer. */
  readonly layer: readonly FusableDispatch[];
  /** For each phase and each of its bindings, slots from a layer to the next; null where all layers share the resource. */
  readonly strides: readonly (readonly (number | null)[])[];
}

/** As many of the first layers as are alike. */
export function takeRun(layers: readonly (readonly FusableDispatch[])[]): LayerRun {
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
export function phasesOf(layer: readonly FusableDispatch[], numTokens = 1): FusablePhase[] | null {
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
export function describeRun({ layer, strides }: LayerRun, numTokens: number): {
  kernel: AssembledKernel;
  resources: GpuResource[];
  overrides: Overrides;
} {
  const bindings = new Map<GPUBuffer | GPUTexture, number>();
  const resources: GpuResource[] = [];
  const bind = (resource: GpuResource, stride: number | null): PhaseResource => {
    const whole = isStackSlot(resource) ? resource.stack : resource;
    if (!bindings.has(whole)) {
      bindings.set(whole, bindings.size);
      resources.push(chunksOf(resource) ? { ...resource as StackSlot, index: 0 } : whole);
    }
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
  return { kernel, resources, overrides: Object.fromEntries(overrides) };
}
