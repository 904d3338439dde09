/**
 * Puts kernels together: bindings from one list, and loops that the driver would not unroll, unrolled.
 *
 * @module
 */
import type { BindingKind, Kernel } from "./kernel.ts";

/** Bindings 0, 1, … of a kernel by name, each with its kind and, for buffers, its WGSL type. */
export type Bindings = Readonly<Record<string, readonly [kind: BindingKind, type?: string]>>;

/** What a kernel is made from. */
export interface Assembly {
  readonly entries?: readonly string[];
  readonly bindings: Bindings;
  /** WGSL in order: libs, then the body. */
  readonly parts: readonly string[];
}

const DECLARATIONS: Record<BindingKind, (type: string | undefined) => string> = {
  read: (type) => `var<storage, read> NAME: ${type};`,
  read_write: (type) => `var<storage, read_write> NAME: ${type};`,
  uniform: (type) => `var<uniform> NAME: ${type};`,
  texture_uint: () => "var NAME: texture_storage_2d<rgba32uint, read>;",
  texture_float: () => "var NAME: texture_storage_2d<rgba32float, read>;",
  texture_uint_write: () => "var NAME: texture_storage_2d<rgba32uint, write>;",
  texture_float_write: () => "var NAME: texture_storage_2d<rgba32float, write>;",
};

/** Defines a kernel whose only entry bears its name unless `entries` says otherwise. */
export function assembleKernel(name: string, { entries = [name], ...rest }: Assembly): Kernel {
  const declared = Object.entries(rest.bindings).map(([binding, [kind, type]], i) =>
    `@group(0) @binding(${i}) ${DECLARATIONS[kind](type).replace("NAME", binding)}`
  );
  return {
    name,
    entries,
    bindings: Object.values(rest.bindings).map(([kind]) => kind),
    elems: [],
    source: () => [...declared, ...rest.parts].join("\n"),
  };
}

/** One kernel for each distinct set of options: layouts and pipelines are kept by kernel. */
export function memoize<O>(create: (options: O) => Kernel): (options: O) => Kernel {
  const kernels = new Map<string, Kernel>();
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
