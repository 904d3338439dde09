/**
 * The table of operations that a model is made of. A kernel set implements it; a model never sees WGSL.
 *
 * @module
 */
import type { Elem } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice, GpuResource } from "../gpu/mod.ts";

/** A weight matrix on the device, split by rows where it exceeds the binding limit. */
export interface Matrix {
  /** Name in the package, for labels and errors. */
  readonly name: string;
  /** N, output features. */
  readonly numRows: number;
  /** K, input features, a multiple of 4. */
  readonly numCols: number;
  /** `dense`: [N, K] of `elem`. `q4`: int4 groups of 32 along K with scales of `elem`. */
  readonly format: "dense" | "q4";
  readonly elem: Elem;
  /** Consecutive row ranges that cover the matrix. */
  readonly parts: readonly MatrixPart[];
}

/** Some rows of a matrix. */
export interface MatrixPart {
  readonly rowOffset: number;
  readonly numRows: number;
  /** `dense`: [weights]; `q4`: [quants, scales]; as the kernel set that made them lays them out. */
  readonly resources: readonly GpuResource[];
}

/** How a matrix lies on the device. */
export type MatrixLayout = Pick<Matrix, "numRows" | "numCols" | "format" | "elem">;

/** Where a kernel set keeps weights. */
export interface MatrixStore {
  /** Bytes that a matrix takes on the device. */
  computeBytes(layout: MatrixLayout): number;
  /** Allocates a matrix; {@linkcode write} fills it. */
  create(device: GpuDevice, name: string, layout: MatrixLayout): Matrix;
  /**
   * Fills one plane: 0 dense weights or quants, 1 scales.
   *
   * @param bytes the whole plane as a package stores it, rows in order; may be changed
   */
  write(device: GpuDevice, matrix: Matrix, plane: 0 | 1, bytes: Uint8Array<ArrayBuffer>): void;
}

/** Kernels for one kind of adapter. */
export interface KernelSet {
  readonly name: "gpu" | "software";
  readonly matrices: MatrixStore;
  /** Creates the operations of one model on one device. */
  createOperations(device: GpuDevice, step: StepBuffers, limits: OperationLimits): Operations;
}

/** Bounds that operations may allocate for. */
export interface OperationLimits {
  /** T and L stay at or below it. */
  readonly maxStepTokens: number;
}

/** Buffers that describe the step to every kernel; layouts in kernels/lib/step.wgsl. */
export interface StepBuffers {
  /** `Step`, uniform. */
  readonly step: GPUBuffer;
  /** [T] `Token`. */
  readonly tokens: GPUBuffer;
  /** [S, maxBlocks] u32. */
  readonly blockTables: GPUBuffer;
  /** [L] u32, the token row of each logits row. */
  readonly logitsRows: GPUBuffer;
}

/** Sizes of an attention layer. */
export interface AttentionShape {
  /** H. */
  readonly numHeads: number;
  /** KH, a divisor of H. */
  readonly numKvHeads: number;
  /** C, a multiple of 8. */
  readonly headDim: number;
}

/** One layer's part of the paged KV cache: [slots, KH, C] of `elem` each. */
export interface KvLayer {
  readonly keys: GPUBuffer;
  readonly values: GPUBuffer;
  readonly elem: Elem;
  /** Slots of a block. */
  readonly blockSize: number;
}

/** What a linear layer does beside the product. */
export interface LinearOptions {
  /** [N] f32. */
  bias?: GPUBuffer;
  /** Adds to y instead of overwriting it. */
  accumulate?: boolean;
  /** x and y have a row for each logits row instead of each token. */
  onLogits?: boolean;
  /** y becomes softCap · tanh(y / softCap). */
  softCap?: number;
}

/** Every operation appends its dispatches; compiling happens here, once per distinct pipeline. */
export interface Operations {
  /** y [T, D] f32 = rows of `table` by token id, times `scale` (1). */
  embed(table: Matrix, y: GPUBuffer, options?: { scale?: number }): Promise<Dispatch[]>;
  /**
   * y [T, D] f32 = RMSNorm of x [T, D] with weight [D] f32, plus y itself with `accumulate`. With `gather`, y [L, D] of
   * the logits rows.
   */
  rmsNorm(
    x: GPUBuffer,
    weight: GPUBuffer,
    y: GPUBuffer,
    options: { size: number; eps: number; gather?: boolean; accumulate?: boolean },
  ): Promise<Dispatch[]>;
  /** Normalizes each query and key head of qkv [T, (H + 2 KH) C] in place, with weights [C] f32. */
  rmsNormHeads(
    qkv: GPUBuffer,
    queryWeight: GPUBuffer,
    keyWeight: GPUBuffer,
    options: AttentionShape & { eps: number },
  ): Promise<Dispatch[]>;
  /** y [T, N] f32 = x [T, K] f32 · Wᵀ, plus `bias` [N] f32, plus y itself with `accumulate`, within ±`softCap`. */
  linear(
    x: GPUBuffer,
    weight: Matrix,
    y: GPUBuffer,
    options?: LinearOptions,
  ): Promise<Dispatch[]>;
  /** Rotates the first `rotaryDim` components of q and k of qkv [T, (H + 2 KH) C], writes q [T, H C] and appends k and v to the cache. */
  ropeKvAppend(
    qkv: GPUBuffer,
    cosSin: GPUBuffer,
    q: GPUBuffer,
    kv: KvLayer,
    shape: AttentionShape & { rotaryDim: number },
  ): Promise<Dispatch[]>;
  /**
   * y [T, H C] f32 = causal attention of q over the sequence's cache, scores times `scale`, then within ±`softCap`, over the
   * last `window` positions.
   */
  attention(
    q: GPUBuffer,
    kv: KvLayer,
    y: GPUBuffer,
    shape: AttentionShape & { scale: number; softCap?: number; window?: number },
  ): Promise<Dispatch[]>;
  /** y [T, F] f32 = act(gate) · up of x [T, 2F] f32; `swiglu` is SiLU, `geglu` the tanh form of GELU. */
  gatedActivation(
    x: GPUBuffer,
    y: GPUBuffer,
    options: { size: number; activation: "swiglu" | "geglu" },
  ): Promise<Dispatch[]>;
}
