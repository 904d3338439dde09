/**
 * The WebGPU half of a TVM runtime, without the runtime: a table of buffers, and the methods that the dispatch path
 * replaces, as web-llm has them.
 */
import type { TvmKernelInfo, TvmWebGpu } from "../../engine/backends/web_llm/tvm.ts";

const USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** A context on a real device. Pointer 0 is never a buffer. */
export class FakeTvmContext implements TvmWebGpu {
  readonly device: GPUDevice;
  readonly bufferTable: (GPUBuffer | undefined)[] = [undefined];
  readonly bufferTableFreeId: number[] = [];
  /** Buffers that the device was asked for. */
  numAllocations = 0;

  constructor(device: GPUDevice) {
    this.device = device;
  }

  gpuBufferFromPtr(pointer: number): GPUBuffer {
    const buffer = this.bufferTable[pointer];
    if (!buffer) throw new Error(`No buffer ${pointer}`);
    return buffer;
  }

  attachToBufferTable(buffer: GPUBuffer): number {
    const pointer = this.bufferTableFreeId.pop() ?? this.bufferTable.length;
    this.bufferTable[pointer] = buffer;
    return pointer;
  }

  createShadeInternal(_info: TvmKernelInfo, _code: string, _isAsync: boolean): unknown {
    throw new Error("The runtime's own dispatch path");
  }

  copyRawBytesToBuffer(bytes: Uint8Array<ArrayBuffer>, pointer: number, offset: number): void {
    this.device.queue.writeBuffer(this.gpuBufferFromPtr(pointer), offset, bytes);
  }

  deviceAllocDataSpace(size: number): number {
    this.numAllocations++;
    return this.attachToBufferTable(this.device.createBuffer({ size, usage: USAGE }));
  }

  deviceFreeDataSpace(_pointer: number): void {
    throw new Error("The runtime's own buffers");
  }

  deviceCopyToGPU(bytes: Uint8Array<ArrayBuffer>, pointer: number, offset: number): void {
    this.copyRawBytesToBuffer(bytes, pointer, offset);
  }

  deviceCopyFromGPU(): void {}

  deviceCopyWithinGPU(
    _from: number,
    _fromAt: number,
    _to: number,
    _toAt: number,
    _size: number,
  ): void {
    throw new Error("The runtime's own copies");
  }

  sync(): Promise<void> {
    return this.device.queue.onSubmittedWorkDone().then(() => {});
  }
}

/** What a test does with a context. */
export interface FakeTvm {
  /** A buffer with these bytes. */
  upload(data: ArrayBufferView<ArrayBuffer>): number;
  /** All bytes of a buffer, behind everything that was called before. */
  read(pointer: number): Promise<ArrayBuffer>;
  /** A kernel's call: pointers and numbers, then the launch sizes. */
  kernel(info: TvmKernelInfo, code: string): (...args: number[]) => void;
}

/** Buffers and kernels of a context whose dispatch path was replaced. */
export function driveFakeTvm(context: FakeTvmContext): FakeTvm {
  const { device } = context;
  return {
    upload(data) {
      const pointer = context.deviceAllocDataSpace(data.byteLength);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      context.deviceCopyToGPU(bytes, pointer, 0);
      return pointer;
    },
    async read(pointer) {
      context.deviceCopyFromGPU();
      const buffer = context.gpuBufferFromPtr(pointer);
      const staging = device.createBuffer({
        size: buffer.size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const bytes = staging.getMappedRange().slice(0);
      staging.destroy();
      return bytes;
    },
    kernel: (info, code) =>
      context.createShadeInternal(info, code, false) as (...args: number[]) => void,
  };
}
