/**
 * Runs operations on the device of this machine. Every gpu/ test goes through the same host code as the engine.
 */
import type { Elem } from "../../kernels/mod.ts";
import {
  type Dispatch,
  GpuDevice,
  Readback,
  replay,
  roundContextLength,
} from "../../engine/gpu/mod.ts";
import { createGpuOperations } from "../../engine/ops/gpu_operations.ts";
import { DEFAULT_SHAPES } from "../../engine/ops/gpu_shapes.ts";
import {
  GPU_SET,
  type KernelSet,
  type KvLayer,
  type KvLayout,
  type Matrix,
  type MatrixLayout,
  type MatrixPlane,
  type MatrixStore,
  type Operations,
  SOFTWARE_SET,
  type StepBuffers,
} from "../../engine/ops/mod.ts";

/** One device for all tests of a file. */
export const device: GpuDevice = await GpuDevice.create();

/** A kernel set in one of its shapes; all are correct on every adapter. */
export interface Variant {
  name: string;
  set: KernelSet;
  createOperations(step: StepBuffers, maxStepTokens: number): Operations;
}

/** Everything that can run here. */
export const VARIANTS: readonly Variant[] = [
  {
    name: "the gpu set",
    set: GPU_SET,
    createOperations: (step, maxStepTokens) =>
      createGpuOperations(device, step, { maxStepTokens }, DEFAULT_SHAPES.gpu),
  },
  {
    name: "the software set",
    set: SOFTWARE_SET,
    createOperations: (step, maxStepTokens) =>
      SOFTWARE_SET.createOperations(device, step, { maxStepTokens }),
  },
];

/** One token of a batch. */
export interface TestToken {
  id: number;
  position: number;
  slot: number;
  sequence: number;
}

/** A batch, its operations, and what is needed to run them. */
export interface Bench {
  ops: Operations;
  step: StepBuffers;
  numTokens: number;
  numLogits: number;
  contextLength: number;
}

/** Creates step buffers that describe `tokens`. */
export function createBench(
  tokens: TestToken[],
  options: { blockTables?: number[][]; logitsRows?: number[]; variant?: Variant } = {},
): Bench {
  const { blockTables = [[0]], logitsRows = [0], variant = VARIANTS[0]! } = options;
  const maxBlocks = Math.max(...blockTables.map((table) => table.length));
  const tables = new Uint32Array(blockTables.length * maxBlocks);
  blockTables.forEach((table, i) => tables.set(table, i * maxBlocks));
  const step: StepBuffers = {
    step: device.createBuffer("step", 16, GPUBufferUsage.UNIFORM),
    tokens: upload(
      new Uint32Array(tokens.flatMap((t) => [t.id, t.position, t.slot, t.sequence])),
    ),
    blockTables: upload(tables),
    logitsRows: upload(new Uint32Array(logitsRows)),
  };
  device.writeBuffer(
    step.step,
    new Uint32Array([tokens.length, logitsRows.length, maxBlocks, 0]),
  );
  return {
    ops: variant.createOperations(step, tokens.length),
    step,
    numTokens: tokens.length,
    numLogits: logitsRows.length,
    contextLength: roundContextLength(Math.max(...tokens.map(({ position }) => position))),
  };
}

/** A storage buffer with these bytes. */
export function upload(data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
  const buffer = device.createBuffer("test", data.byteLength);
  device.writeBuffer(buffer, data);
  return buffer;
}

/** An empty buffer of f32; filled with NaN so that a value that is not written shows. */
export function output(length: number): GPUBuffer {
  return upload(new Float32Array(length).fill(NaN));
}

/** Runs the dispatches once and reads `length` f32 of `buffer`. */
export async function run(
  bench: Bench,
  dispatches: Promise<Dispatch[]>,
  buffer: GPUBuffer,
  length: number,
): Promise<Float32Array> {
  const list = await dispatches;
  for (const dispatch of list) await dispatch.prepare?.(bench);
  const readback = new Readback(device.raw, length * 4, { isFast: device.hasFastReadback });
  const bytes = await device.guard("test", () => {
    const encoder = device.raw.createCommandEncoder();
    replay(encoder, list, bench);
    return readback.submitAndRead(encoder, buffer, length * 4);
  });
  readback.destroy();
  return new Float32Array(bytes);
}

/** `length` u32 of `buffer`. */
export async function readWords(buffer: GPUBuffer, length: number): Promise<number[]> {
  const readback = new Readback(device.raw, 4 * length, { isFast: device.hasFastReadback });
  const encoder = device.raw.createCommandEncoder();
  const bytes = await readback.submitAndRead(encoder, buffer, 4 * length);
  readback.destroy();
  return [...new Uint32Array(bytes)];
}

/** f32 values as the bytes of `elem`. */
export function toElem(values: Float32Array<ArrayBuffer>, elem: Elem): Uint8Array<ArrayBuffer> {
  return new Uint8Array(elem === "f32" ? values.buffer : new Float16Array(values).buffer);
}

/** What `values` are once they were stored as `elem`. */
export function roundTo(values: Float32Array<ArrayBuffer>, elem: Elem): Float32Array<ArrayBuffer> {
  return elem === "f32" ? values : new Float32Array(new Float16Array(values));
}

/** A matrix to be filled. */
export function emptyMatrix(layout: MatrixLayout, matrices: MatrixStore): Matrix {
  return matrices.createAll(device, new Map([["test", layout]])).get("test")!;
}

/** The KV cache of one layer. */
export function createKvLayer(set: KernelSet, layout: KvLayout): KvLayer {
  const { layers, reserve } = set.createKvCache(device, layout, 1);
  reserve?.(layout.numBlocks);
  return layers[0]!;
}

/** Packs a plane and uploads it. */
export function writePlane(
  store: MatrixStore,
  { matrix, plane, bytes }: { matrix: Matrix; plane: MatrixPlane; bytes: Uint8Array<ArrayBuffer> },
): void {
  let piece = new Uint8Array(0);
  store.pack(matrix, plane, bytes, {
    allocate: (nbytes) => piece = new Uint8Array(nbytes).fill(0xaa), // what lies there may be anything
    put: (place) => store.upload(device, matrix, place, piece),
  });
}

/** Uploads a dense matrix and returns it with the values that the device sees. */
export function denseMatrix(
  values: Float32Array<ArrayBuffer>,
  numRows: number,
  elem: Elem,
  { matrices }: KernelSet = GPU_SET,
): { matrix: Matrix; values: Float32Array } {
  const numCols = values.length / numRows;
  const matrix = emptyMatrix({ numRows, numCols, format: "dense", elem }, matrices);
  writePlane(matrices, { matrix, plane: 0, bytes: toElem(values, elem) });
  return { matrix, values: roundTo(values, elem) };
}

/** Random int4 groups as a package stores them, with the values that they decode to. */
export function q4Matrix(
  random: () => number,
  numRows: number,
  numCols: number,
  elem: Elem,
  { matrices }: KernelSet = GPU_SET,
): { matrix: Matrix; values: Float32Array } {
  const numGroups = Math.ceil(numCols / 32);
  const quants = new Uint8Array(numRows * numGroups * 16);
  const scales = roundTo(
    Float32Array.from({ length: numRows * numGroups }, () => (0.5 + random()) / 16),
    elem,
  );
  const values = new Float32Array(numRows * numCols);
  for (let row = 0; row < numRows; row++) {
    for (let k = 0; k < numCols; k++) { // columns past K stay 0, as in a package
      const code = Math.floor(random() * 15);
      quants[row * numGroups * 16 + (k >> 1)]! |= code << (4 * (k % 2));
      values[row * numCols + k] = (code - 7) * scales[row * numGroups + Math.floor(k / 32)]!;
    }
  }
  const matrix = emptyMatrix({ numRows, numCols, format: "q4", elem }, matrices);
  writePlane(matrices, { matrix, plane: 0, bytes: quants });
  writePlane(matrices, { matrix, plane: 1, bytes: toElem(scales, elem) });
  return { matrix, values };
}
