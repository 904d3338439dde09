/**
 * The table of operations that a model is made of. A kernel set implements it; a model never sees WGSL.
 *
 * @module
 */
import type { Elem } from "../../kernels/mod.ts";
import type { BufferResource, Dispatch, GpuDevice, GpuResource, StepShape } from "../gpu/mod.ts";

/** A weight matrix on the device, split by rows where it exceeds the binding limit. */
export interface Matrix {
  /** Name in the package, for labels and errors. */
  readonly name: string;
  /** N, output features. */
  readonly numRows: number;
  /** K, input features, a multiple of 8. */
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

/** A matrix without what is on the device, so that it can be sent to another thread. */
export interface MatrixShape extends MatrixLayout {
  readonly parts: readonly Omit<MatrixPart, "resources">[];
}

/** 0 dense weights or quants, 1 scales. */
export type MatrixPlane = 0 | 1;

/** Where a piece of a matrix goes. */
export interface PiecePlace {
  /** Index in {@linkcode Matrix.parts}. */
  readonly part: number;
  /** Index in its resources. */
  readonly resource: number;
  /** First line of a texture, or first byte of a buffer. */
  readonly offset: number;
}

/** Takes a matrix piece by piece. */
export interface PieceSink {
  /** Memory for the next piece, at a multiple of 8 bytes of its buffer; what lies there may be anything. */
  allocate(nbytes: number): Uint8Array<ArrayBufferLike>;
  /** Hands on what was allocated last. */
  put(place: PiecePlace): void;
}

/** Where a kernel set keeps weights. */
export interface MatrixStore {
  /** Bytes that a matrix takes on the device. */
  computeBytes(layout: MatrixLayout): number;
  /** Bytes of a piece, at most. */
  maxPieceBytes(layout: MatrixLayout): number;
  /** Allocates matrices by their name. */
  createAll(device: GpuDevice, layouts: ReadonlyMap<string, MatrixLayout>): Map<string, Matrix>;
  /**
   * Puts a plane in the order in which kernels read it. Needs no device.
   *
   * @param bytes the whole plane as a package stores it, rows in order, from a multiple of 8 bytes of its buffer on; may be changed
   */
  pack(
    matrix: MatrixShape,
    plane: MatrixPlane,
    bytes: Uint8Array<ArrayBuffer>,
    sink: PieceSink,
  ): void;
  /** Fills a place. The bytes may wait in staging memory until the device is flushed. */
  upload(
    device: GpuDevice,
    matrix: Matrix,
    place: PiecePlace,
    bytes: Uint8Array<ArrayBufferLike>,
  ): void;
}

/** Kernels for one kind of adapter. */
export interface KernelSet {
  readonly name: "gpu" | "software";
  readonly matrices: MatrixStore;
  /** What activations are rounded to before a matrix of this layout reads them. */
  activationsOf(layout: MatrixLayout): "f32" | "int8";
  /** Allocates vectors of f32 by their name and number of elements. */
  createVectors(device: GpuDevice, sizes: ReadonlyMap<string, number>): Map<string, BufferResource>;
  /** Allocates the KV caches of `count` layers. */
  createKvCache(device: GpuDevice, layout: KvLayout, count: number): KvCache;
  /** Creates the operations of one model on one device. */
  createOperations(device: GpuDevice, step: StepBuffers, limits: OperationLimits): Operations;
}

/** Bounds that operations may allocate for. */
export interface OperationLimits {
  /** T and L stay at or below it. */
  readonly maxStepTokens: number;
  /** Whether {@linkcode Operations.fuseLayers} is wanted. @default false */
  readonly fusesLayers?: boolean;
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

/** The paged KV cache of all layers. */
export interface KvCache {
  readonly layers: readonly KvLayer[];
  /** Makes the first blocks usable, in front of the step that uses them; absent where all are from the start. */
  reserve?(numBlocks: number): void;
}

/** One layer's part of the paged KV cache, as the kernel set that made it lays it out. */
export interface KvLayer extends KvLayout {
  readonly keys: GpuResource;
  readonly values: GpuResource;
}

/** Sizes of a layer's KV cache. */
export interface KvLayout {
  readonly elem: Elem;
  /** Slots of a block, a multiple of 16. */
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

/** What a layer reads, [T, K], in the form that a kernel set gives it. */
export interface Activation {
  /** K. */
  readonly numCols: number;
  readonly resources: readonly GpuResource[];
}

/** An activation's place in a layer; one of each name exists for each form, and layers share it. */
export type ActivationName = "normed" | "attended" | "gated";

/** RMSNorm with weight [D] f32. */
export interface Norm {
  readonly weight: GpuResource;
  readonly eps: number;
}

/** The residual stream, and the norm of it that the next layer reads. */
export interface Residual {
  /** [T, D] f32. */
  readonly hidden: GPUBuffer;
  readonly norm: Norm;
  /** The activation "normed" of the next layer's weights. */
  readonly normed: Activation;
  /** Only {@linkcode Operations.logits} reads `normed`. */
  readonly isLast: boolean;
}

/** The layer that makes queries, keys and values. */
export interface QkvProjection {
  /** [(H + 2 KH) C, D]. */
  readonly weight: Matrix;
  /** [(H + 2 KH) C] f32. */
  readonly bias?: GpuResource;
  /** Of each query head and each key head, with weights [C] f32. */
  readonly headNorms?: {
    readonly query: GpuResource;
    readonly key: GpuResource;
    readonly eps: number;
  };
  /** RoPE table, [P, 2, R / 2] f32. */
  readonly cosSin: GPUBuffer;
}

/** Where tokens are chosen, and how many steps are remembered. */
export interface ChooseTokensOptions {
  /** [L, V] f32. */
  readonly logits: GPUBuffer;
  /** [ringSize, L] u32; the row of a token's position, modulo the number of rows, takes what follows it. */
  readonly chosen: GPUBuffer;
  /** V. */
  readonly vocabSize: number;
  /** Slots of a block of the KV cache. */
  readonly blockSize: number;
  readonly ringSize: number;
  /** L stays at or below it. */
  readonly maxRows: number;
}

/** A kernel of some layers whose shape may be chosen: every shape gives the same bits, and they differ in speed. */
export interface Tunable {
  /** Kernel and sizes: what was measured for it holds in other models too. */
  readonly name: string;
  /** Tokens of the batch, and rows of logits, to time it with. */
  readonly numTokens: number;
  /** Bytes of weights that all layers read. */
  readonly weightBytes: number;
  /** By name, the one that is taken without measurement first. */
  readonly shapes: readonly string[];
  /** Compiles the shape. @returns the dispatches of all layers; they write to activations and to slot 0 of the KV cache */
  prepare(shape: string): Promise<Dispatch[]>;
  /** From here on the layers run in this shape; steps that were encoded before keep theirs. */
  choose(shape: string): Promise<void>;
}

/**
 * What a decoder does, one call for what a kernel set may do in one dispatch. Every operation returns its dispatches;
 * compiling happens here, once per distinct pipeline.
 */
export interface Operations {
  /** The activation of this name in the form in which `weight` reads it. */
  activation(name: ActivationName, weight: Matrix): Activation;
  /** to.hidden = rows of `table` by token id, times `scale` (1). */
  embed(table: Matrix, to: Residual, options?: { scale?: number }): Promise<Dispatch[]>;
  /**
   * Causal attention: makes queries, keys and values of x, rotates queries and keys, appends keys and values to the cache,
   * and sets y [T, H C].
   */
  attention(
    x: Activation,
    qkv: QkvProjection,
    kv: KvLayer,
    y: Activation,
    options: AttentionOptions,
  ): Promise<Dispatch[]>;
  /** y [T, F] = act(gate) · up, the halves of x · Wᵀ [T, 2F]; `swiglu` is SiLU, `geglu` the tanh form of GELU. */
  gatedLinear(
    x: Activation,
    weight: Matrix,
    y: Activation,
    options: { activation: "swiglu" | "geglu" },
  ): Promise<Dispatch[]>;
  /** to.hidden += x · Wᵀ, normalized by `postNorm` first if there is one. */
  addLinear(
    x: Activation,
    weight: Matrix,
    to: Residual,
    options?: { postNorm?: Norm },
  ): Promise<Dispatch[]>;
  /** y [L, V] f32 = x · Wᵀ of the rows that want logits, within ±`softCap`. */
  logits(
    x: Activation,
    weight: Matrix,
    y: GPUBuffer,
    options?: { softCap?: number },
  ): Promise<Dispatch[]>;
  /**
   * Makes the token of each row's largest logit the one that the next step computes, behind the one that the row is of; every
   * token of the step wants logits. Logits that cannot be sampled choose 2³² − 1.
   */
  chooseTokens(options: ChooseTokensOptions): Promise<Dispatch[]>;
  /** What can be tuned of the operations created so far; absent where the set has nothing to choose. */
  tunables?(): Promise<Tunable[]>;
  /** The dispatches of consecutive layers as fewer ones; absent where the set cannot join them. */
  fuseLayers?(layers: readonly (readonly Dispatch[])[]): Promise<Dispatch[]>;
  /**
   * u32 that is not 0 where a fused dispatch gave up: what the step computed is then worthless, and so are further ones until the
   * host has cleared the buffer. Absent where nothing is fused.
   */
  readonly failures?: GPUBuffer;
  /** Whether a step has such dispatches; absent where nothing is fused. */
  isFused?(shape: StepShape): boolean;
  /** Frees what the operations allocated for themselves. */
  destroy(): void;
}
