/**
 * What a kernel is: WGSL by plain concatenation of lib files and a body, and how it is bound.
 *
 * @module
 */

/** How a kernel uses one binding of group 0; textures are storage textures. */
export type BindingKind =
  | "read"
  | "read_write"
  | "uniform"
  | "texture_uint"
  | "texture_float"
  | "texture_float_write"
  | "texture_uint_write"
  | "texture_uint_read_write"
  | "texture_float_read_write"
  | "texture_uint_array"
  | "texture_uint_write_array"
  | "texture_uint_read_write_array";

/** Element type that a kernel is compiled for: of its weights, its scales or its KV cache. */
export type Elem = "f32" | "f16";

/** One kernel family. */
export interface Kernel {
  /** File name of the body, without its ending. */
  readonly name: string;
  /** Entry points in the body. */
  readonly entries: readonly string[];
  /** Kinds of bindings 0, 1, …, in order. */
  readonly bindings: readonly BindingKind[];
  /** Element types that it can be compiled for; empty when it has no such choice. */
  readonly elems: readonly Elem[];
  /** The WGSL module; of several entry points it may leave out all but one. */
  source(elem?: Elem, entry?: string): string;
}

/** What a kernel is made from. */
export interface KernelParts {
  readonly entries?: readonly string[];
  readonly bindings: readonly BindingKind[];
  readonly body: string;
  readonly libs?: readonly string[];
  /** The lib of each element type, in front of the others. */
  readonly byElem?: Record<Elem, string>;
}

/** Defines a kernel; its only entry bears its name unless `entries` says otherwise. */
export function defineKernel(name: string, parts: KernelParts): Kernel {
  const { entries = [name], bindings, body, libs = [], byElem } = parts;
  return {
    name,
    entries,
    bindings,
    elems: byElem ? ["f32", "f16"] : [],
    source: (elem) => [...(byElem ? [byElem[elem ?? "f32"]] : []), ...libs, body].join("\n"),
  };
}
