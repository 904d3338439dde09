/**
 * Puts kernels together: bindings from one list, and loops that the driver would not unroll, unrolled.
 *
 * @module
 */
import type { BindingKind, Kernel } from "./kernel.ts";

/** Kind of a binding and, for buffers, its WGSL type. */
export type BindingDeclaration = readonly [kind: BindingKind, type?: string];

/** Bindings 0, 1, … of a kernel by name. */
export type Bindings = Readonly<Record<string, BindingDeclaration>>;

/** What a kernel is made from. */
export interface Assembly {
  readonly bindings: Bindings;
  /** WGSL in order: libs, then the body. */
  readonly parts: readonly string[];
  /** Entry points by name, each in WGSL, which go behind the parts. */
  readonly entries?: Readonly<Record<string, string>>;
}

const DECLARATIONS: Record<BindingKind, (type: string | undefined) => string> = {
  read: (type) => `var<storage, read> NAME: ${type};`,
  read_write: (type) => `var<storage, read_write> NAME: ${type};`,
  uniform: (type) => `var<uniform> NAME: ${type};`,
  texture_uint: () => "var NAME: texture_storage_2d<rgba32uint, read>;",
  texture_float: () => "var NAME: texture_storage_2d<rgba32float, read>;",
  texture_uint_write: () => "var NAME: texture_storage_2d<rgba32uint, write>;",
  texture_float_write: () => "var NAME: texture_storage_2d<rgba32float, write>;",
  texture_uint_read_write: () => "var NAME: texture_storage_2d<rgba32uint, read_write>;",
  texture_float_read_write: () => "var NAME: texture_storage_2d<rgba32float, read_write>;",
  texture_uint_array: () => "var NAME: texture_storage_2d_array<rgba32uint, read>;",
  texture_uint_write_array: () => "var NAME: texture_storage_2d_array<rgba32uint, write>;",
  texture_uint_read_write_array: () =>
    "var NAME: texture_storage_2d_array<rgba32uint, read_write>;",
};

/** A kernel with what it was made from. */
export interface AssembledKernel extends Kernel {
  readonly assembly: Assembly;
}

/** Defines a kernel; where no entries are given the parts have one, which bears its name. */
export function assembleKernel(name: string, assembly: Assembly): AssembledKernel {
  const { bindings, parts, entries } = assembly;
  return {
    name,
    entries: entries ? Object.keys(entries) : [name],
    bindings: Object.values(bindings).map(([kind]) => kind),
    elems: [],
    source: (_, entry) => {
      const wanted = entry && entries ? [entries[entry]!] : Object.values(entries ?? {});
      return [declareBindings(bindings), ...parts, ...wanted].join("\n");
    },
    assembly,
  };
}

/** WGSL of bindings 0, 1, … of group 0. */
function declareBindings(bindings: Bindings): string {
  return Object.entries(bindings).map(([binding, [kind, type]], i) =>
    `@group(0) @binding(${i}) ${DECLARATIONS[kind](type).replace("NAME", binding)}`
  ).join("\n");
}

/** One kernel for each distinct set of options: layouts and pipelines are kept by kernel. */
export function memoize<O, K extends Kernel>(create: (options: O) => K): (options: O) => K {
  const kernels = new Map<string, K>();
  return (options) => {
    const key = JSON.stringify(options);
    const known = kernels.get(key);
    if (known) return known;
    const kernel = create(options);
    kernels.set(key, kernel);
    return kernel;
  };
}

/** `line(0)` to `line(count - 1)`, one below the other. */
export function unroll(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}
