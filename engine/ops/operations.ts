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
  /** Allocates a layer's KV cache. */
  createKvLayer(device: GpuDevice, label: string, layout: KvLayout): KvLayer;
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

/** One layer's part of the paged KV cache, as the kernel set that made it lays it out. */
export interface KvLayer extends KvLayout {
  readonly keys: GpuResource;
  readonly values: GpuResource;
}

/** Sizes of a layer's KV cache. */
export interface KvLayout {
  readonly elem: Elem;
  /** Slots of a block, a multiple of 8. */
  readonly blockSize: number;
  readonly numBlocks: number;
  readonly numKvHeads: number;
  readonly headDim: number;
}

/** What attention does beside the softmax. */
export interface AttentionOptions extends AttentionShape {
  /** Components of a query or key head that turn, from the first on; a multiple of 8. */
  readonly rotaryDim: number;
  /** Scores are multiplied by it. */
  readonly scale: number;
  /** Scores become softCap · tanh(score / softCap). */
  readonly softCap?: number;
  /** Only the last positions are seen, the token's own included. */
  readonly window?: number;
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
  /**
   * Causal attention: rotates queries and keys of qkv [T, (H + 2 KH) C] f32 by `cosSin` [P, 2, R / 2] f32, appends keys and
   * values to the cache, and sets y [T, H C] f32.
   */
  attention(
    qkv: GPUBuffer,
    cosSin: GPUBuffer,
    kv: KvLayer,
    y: GPUBuffer,
    options: AttentionOptions,
  ): Promise<Dispatch[]>;
  /** y [T, F] f32 = act(gate) · up of x [T, 2F] f32; `swiglu` is SiLU, `geglu` the tanh form of GELU. */
  gatedActivation(
    x: GPUBuffer,
    y: GPUBuffer,
    options: { size: number; activation: "swiglu" | "geglu" },
  ): Promise<Dispatch[]>;
}
