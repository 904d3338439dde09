/**
 * The fields of `@mlc-ai/web-llm` and of the TVM runtime inside it that this backend uses. Most are private there: this is
 * the one file that names them, and {@linkcode assertPipeline} checks at each load that they are what we take them for.
 *
 * @module
 */
import { EngineError } from "../../errors.ts";

/** An array of the runtime, on the device or on the host. */
export interface TvmTensor {
  readonly shape: number[];
  readonly dtype: string;
  view(shape: number[]): TvmTensor;
  copyFrom(source: TvmTensor | ArrayLike<number>): TvmTensor;
  toArray(): Float32Array;
  dispose(): void;
}

/** A function of the library or of the runtime. */
export interface TvmFunction {
  // deno-lint-ignore no-explicit-any -- arguments and results cross into WebAssembly
  (...args: any[]): any;
  dispose(): void;
}

/** The part of the runtime that turns library calls into WebGPU. */
export interface TvmWebGpu {
  readonly device: GPUDevice;
  readonly bufferTable: (GPUBuffer | undefined)[];
  readonly bufferTableFreeId: number[];
  gpuBufferFromPtr(pointer: number): GPUBuffer;
  attachToBufferTable(buffer: GPUBuffer): number;
  createShadeInternal(info: TvmKernelInfo, code: string, isAsync: boolean): unknown;
  /** Since 0.2.80. */
  flushCommands?: () => void;
  copyRawBytesToBuffer(...args: unknown[]): void;
  deviceAllocDataSpace(size: number): number;
  deviceFreeDataSpace(pointer: number): void;
  deviceCopyToGPU(...args: unknown[]): void;
  deviceCopyFromGPU(...args: unknown[]): void;
  deviceCopyWithinGPU(from: number, fromAt: number, to: number, toAt: number, size: number): void;
  sync(): Promise<void>;
}

/** How a kernel of the library is called. */
export interface TvmKernelInfo {
  readonly name: string;
  /** `handle` is a buffer, everything else a number of that type. */
  readonly arg_types: readonly string[];
  readonly launch_param_tags: readonly string[];
}

/** The runtime. */
export interface TvmInstance {
  readonly lib: { readonly webGPUContext: TvmWebGpu };
  beginScope(): void;
  endScope(): void;
  detachFromCurrentScope<T>(object: T): T;
  empty(shape: number[], dtype: string, device: unknown): TvmTensor;
  cpu(): unknown;
  scalar(value: number, dtype: string): unknown;
  makeShapeTuple(shape: number[]): unknown;
  getGlobalFunc(name: string): TvmFunction;
  asyncLoadWebGPUPipelines(module: unknown): Promise<void>;
}

/** What web-llm makes of a loaded model. */
export interface Pipeline {
  readonly tvm: TvmInstance;
  readonly device: { sync(): Promise<void> };
  readonly vm: { getFunction(name: string): TvmFunction; getInternalModule(): unknown };
  readonly params: { dispose(): void };
}

/** A chat model's. */
export interface ChatPipeline extends Pipeline {
  readonly embed: TvmFunction;
  readonly kvCache: { dispose(): void };
}

/** An embedding model's. */
export interface EmbeddingPipeline extends Pipeline {
  readonly prefill: TvmFunction;
}

/** The part of web-llm's module that is used. */
export interface WebLlmModule {
  readonly MLCEngine: new (config: Record<string, unknown>) => WebLlmEngine;
}

/** web-llm's engine. */
export interface WebLlmEngine {
  reload(modelId: string): Promise<void>;
  readonly loadedModelIdToPipeline: Map<string, unknown>;
}

const METHODS: Record<string, readonly string[]> = {
  "": [],
  "tvm": [
    "beginScope",
    "endScope",
    "detachFromCurrentScope",
    "empty",
    "cpu",
    "scalar",
    "makeShapeTuple",
    "getGlobalFunc",
    "asyncLoadWebGPUPipelines",
  ],
  "tvm.lib.webGPUContext": [
    "gpuBufferFromPtr",
    "attachToBufferTable",
    "createShadeInternal",
    "copyRawBytesToBuffer",
    "deviceAllocDataSpace",
    "deviceFreeDataSpace",
    "deviceCopyToGPU",
    "deviceCopyFromGPU",
    "deviceCopyWithinGPU",
    "sync",
  ],
  "device": ["sync"],
  "vm": ["getFunction", "getInternalModule"],
  "params": ["dispose"],
};

/**
 * Checks that a loaded pipeline has every private field in use.
 *
 * @throws {EngineError} one is missing: a web-llm of another version than was tested
 */
export function assertPipeline(pipeline: unknown, own: Record<string, readonly string[]>): void {
  for (const [path, methods] of Object.entries({ ...METHODS, ...own })) {
    const object = path === "" ? pipeline : path.split(".").reduce(fieldOf, pipeline);
    const names = object === undefined
      ? [path]
      : methods.filter((name) => typeof fieldOf(object, name) !== "function")
        .map((name) => path === "" ? name : `${path}.${name}`);
    if (names.length === 0) continue;
    throw new EngineError(
      "engine_failed",
      `The private field ${
        names.join(", ")
      } of @mlc-ai/web-llm is not there: this release differs from the ones ` +
        "that this program was tested with; use the version in deno.json, or --backend wgsl",
    );
  }
}

function fieldOf(object: unknown, name: string): unknown {
  return (object as Record<string, unknown> | undefined | null)?.[name] ?? undefined;
}
