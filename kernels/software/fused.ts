/**
 * All layers of a decoder in one dispatch, with a barrier between their kernels that all workgroups share: a driver on the CPU takes
 * 30 to 150 µs to wake its threads for a dispatch, and a tenth of a microsecond for such a barrier.
 *
 * @module
 */
import gridBarrier from "../lib/grid_barrier.wgsl" with { type: "text" };
import eightLanes from "../lib/eight_lanes.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import {
  type AssembledKernel,
  assembleKernel,
  type BindingDeclaration,
  type Bindings,
  unroll,
} from "../assemble.ts";
import type { BindingKind } from "../kernel.ts";

/** A kernel's entry point as a part of each layer. */
export interface Phase {
  readonly kernel: AssembledKernel;
  readonly entry: string;
  /** What stands behind each of the kernel's bindings. */
  readonly resources: readonly PhaseResource[];
  /** Workgroups that the entry would be dispatched with. */
  readonly x: Extent;
  readonly y: Extent;
}

/** Workgroups along an axis: a number, or as many as the step's tokens take. */
export type Extent = number | {
  /** Tokens of a workgroup. */
  readonly tokensEach: number;
};

/** A resource of all layers, or one of its slots by the number of the layer. */
export interface PhaseResource {
  /** Of the fused kernel's bindings. */
  readonly binding: number;
  /** Where it is a stack: layer i has slot first + i · stride. */
  readonly slot?: {
    readonly first: number;
    readonly stride: number;
    /** Bytes of a buffer from a slot to the next one. */
    readonly nbytes?: number;
  };
}

/** Square roots, each of the one before, of a long turn in lib/grid_barrier.wgsl: they take a processor's time and next to no code. */
const TURN_ROOTS = 192;

const kernels = new Map<string, AssembledKernel>();

/** Which steps a fused kernel is for. */
export interface FusedOptions {
  /** Whether all have one token; known when the kernel is put together it costs nothing. */
  readonly hasOneToken: boolean;
}

/**
 * The kernel of these phases. Its bindings are those of the phases in order of their numbers, then `grid` of lib/grid_barrier.wgsl,
 * `range`, the first layer and the one past the last, and the step. To be dispatched with any number of workgroups, no more than the
 * driver has threads; the bits are the same.
 */
export function fusedKernel(phases: readonly Phase[], options: FusedOptions): AssembledKernel {
  const named = phases.map(({ kernel: _, ...phase }) => phase); // an entry's name says what its kernel is
  const key = JSON.stringify([named, options]);
  const known = kernels.get(key);
  if (known) return known;
  const kernel = fuse(`fused_${kernels.size}`, phases, options);
  kernels.set(key, kernel);
  return kernel;
}

/** Name that an override of a phase has in the fused kernel. */
export function phaseOverride(phase: number, name: string): string {
  return `p${phase}_${name}`;
}

function fuse(name: string, phases: readonly Phase[], options: FusedOptions): AssembledKernel {
  const grid = gridBarrier.replace(
    "LONG_TURN",
    unroll(TURN_ROOTS, () => "root = sqrt(root + 1.0);"),
  );
  return assembleKernel(name, {
    bindings: {
      ...joinBindings(phases),
      grid: ["read_write", "array<atomic<u32>, 2>"],
      range: ["read", "vec2u"],
      batch: ["uniform", "Step"],
    },
    parts: [step, eightLanes, "var<private> layer: u32;", grid, ...phases.map(phaseCode)],
    entries: { [name]: mainEntry(name, phases, options) },
  });
}

function bindingName(binding: number): string {
  return `resource_${binding}`;
}

/** What several phases use is bound once, for all that they do with it. */
function joinBindings(phases: readonly Phase[]): Bindings {
  const joined: BindingDeclaration[] = [];
  for (const { kernel, resources } of phases) {
    for (const [i, [kind, type]] of Object.values(kernel.assembly.bindings).entries()) {
      const { binding, slot } = resources[i]!;
      const known = joined[binding];
      if (known && known[1] !== type) {
        throw new Error(`A resource of ${kernel.name} is ${known[1]} as well as ${type}`);
      }
      const isStack = slot && !type && !kind.endsWith("_array");
      const own = isStack ? `${kind}_array` as BindingKind : kind;
      const joint = known ? joinKinds(known[0], own) : own;
      joined[binding] = type ? [joint, type] : [joint];
    }
  }
  return Object.fromEntries(joined.map((binding, i) => [bindingName(i), binding]));
}

/** Reading and writing make both. */
function joinKinds(a: BindingKind, b: BindingKind): BindingKind {
  if (a === b) return a;
  if (a === "read" || b === "read") return "read_write";
  const [, texture, array = ""] = /^(texture_[a-z]+?)(?:_write|_read_write)?(_array)?$/.exec(a)!;
  return `${texture}_read_write${array}` as BindingKind;
}

const DECLARATION = /^(?:override|const|fn|struct|alias|var<\w+>)\s+(\w+)/gm;

/** WGSL of a phase, its names and its bindings told apart from those of others. */
function phaseCode({ kernel, entry, resources }: Phase, phase: number): string {
  const { bindings, parts, entries } = kernel.assembly;
  const own = [
    ...parts.filter((part) => part !== step && part !== eightLanes),
    asFunction(entries![entry]!),
  ].join("\n");
  const renamed = new Map<string, string>();
  for (const [, name] of own.matchAll(DECLARATION)) renamed.set(name!, `p${phase}_${name}`);
  let code = own;
  const accessors: string[] = [];
  for (const [i, [name, [kind, type]]] of Object.entries(bindings).entries()) {
    const { binding, slot } = resources[i]!;
    renamed.set(name, bindingName(binding));
    if (!slot) continue;
    const index = `(${slot.first}u + ${slot.stride}u * layer)`;
    if (slot.nbytes !== undefined) {
      const size = slot.nbytes / (type === "array<vec4f>" ? 16 : 4);
      code = code.replaceAll(
        new RegExp(`(?<![.\\w])${name}\\[`, "g"),
        `${name}[${index} * ${size}u + `,
      );
      continue;
    }
    const value = kind.startsWith("texture_uint") ? "vec4u" : "vec4f";
    const isWritten = kind.includes("_write");
    const isArray = kind.endsWith("_array");
    const at = isArray ? "at: vec2u, further: u32" : "at: vec2u";
    const slotIndex = isArray ? `${index} + further` : index;
    const accessor = `${isWritten ? "store" : "load"}_slot_p${phase}_${name}`;
    code = code.replaceAll(`texture${isWritten ? "Store" : "Load"}(${name},`, `${accessor}(`);
    accessors.push(
      isWritten
        ? `fn ${accessor}(${at}, value: ${value}) {
  textureStore(${bindingName(binding)}, at, ${slotIndex}, value);
}`
        : `fn ${accessor}(${at}) -> ${value} {
  return textureLoad(${bindingName(binding)}, at, ${slotIndex});
}`,
    );
  }
  code = code.replace(/(?<![.\w])[A-Za-z_]\w*/g, (name) => renamed.get(name) ?? name);
  return [...accessors, code].join("\n");
}

/** An entry point as a function that another calls. */
function asFunction(entry: string): string {
  return entry.replace(/@compute\s+@workgroup_size\(8\)\s+/, "").replace(/@builtin\(\w+\)\s*/g, "");
}

/** What a workgroup of a phase has instead of its own builtins. */
const ARGUMENTS: Record<string, string> = {
  workgroup_id: "group",
  num_workgroups: "size",
  local_invocation_index: "lane",
};

/** A workgroup takes an equal share of each phase's, neighbours in the order in which they would be dispatched. */
function mainEntry(
  name: string,
  phases: readonly Phase[],
  { hasOneToken }: FusedOptions,
): string {
  const extent = (workgroups: Extent) => {
    if (typeof workgroups === "number") return `${workgroups}u`;
    const { tokensEach } = workgroups;
    return hasOneToken ? "1u" : `((batch.num_tokens + ${tokensEach - 1}u) / ${tokensEach}u)`;
  };
  const call = ({ kernel, entry, x, y }: Phase, phase: number) => {
    const builtins = [...kernel.assembly.entries![entry]!.matchAll(/@builtin\((\w+)\)/g)];
    const args = builtins.map(([, builtin]) => ARGUMENTS[builtin!]!).join(", ");
    return `
    {
      let size = vec3u(${extent(x)}, ${extent(y)}, 1u);
      let end = (worker.x + 1u) * size.x * size.y / num_workers;
      for (var i = worker.x * size.x * size.y / num_workers; i < end; i++) {
        let group = vec3u(i % size.x, i / size.x, 0u);
        p${phase}_${entry}(${args});
      }
    }
    grid_barrier(lane);`;
  };
  return `
@compute @workgroup_size(8)
fn ${name}(
  @builtin(workgroup_id) worker: vec3u,
  @builtin(num_workgroups) workers: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  num_workers = workers.x;
  if (!grid_start(lane)) {
    return;
  }
  for (layer = range.x; layer < range.y; layer++) {${phases.map(call).join("")}
  }
  grid_end(lane, range.y - range.x + 1u);
}
`;
}
