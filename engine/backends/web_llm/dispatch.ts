/**
 * The path from a library's kernel call to the device. web-llm's own makes a pass, a bind group and a uniform write for
 * each of the few hundred calls of a step; this one keeps one pass open until something must be read or written, caches
 * bind groups, and puts all numbers into one uniform buffer with dynamic offsets: 29 ms of host time a token become 2.
 *
 * @module
 */
import { BufferPool } from "./buffer_pool.ts";
import type { TvmKernelInfo, TvmWebGpu } from "./tvm.ts";

/** Bytes of numbers between two submits; more calls submit early. */
const UNIFORM_BYTES = 1 << 18;
const MAX_WORKGROUPS = 65535;
/** Bind groups that one kernel keeps. */
const MAX_BIND_GROUPS = 512;

/** Puts another kernel in the place of a library's; null keeps it. */
export type KernelRewriter = (name: string, code: string) => RewrittenKernel | null;

/** Same bindings, numbers and entry point as the kernel that it replaces. */
export interface RewrittenKernel {
  readonly code: string;
  /** Workgroups of a dispatch that would have had these. */
  workgroups(original: readonly [x: number, y: number, z: number]): [number, number, number];
}

type Workgroups = [x: number, y: number, z: number];

/** One call form of a kernel: which argument goes where. */
interface Signature {
  readonly buffers: readonly { arg: number; isWritten: boolean }[];
  readonly numbers: readonly { arg: number; kind: "int" | "uint" | "float" }[];
  /** Axis (0 to 2: grid, 3 to 5: block) of each launch argument. */
  readonly axes: readonly number[];
}

/** Replaces the dispatch path of a runtime. */
export class Dispatcher {
  /** Commands handed to the device. */
  numSubmits = 0;
  readonly #context: TvmWebGpu;
  readonly #device: GPUDevice;
  readonly #rewrite: KernelRewriter;
  readonly #uniforms: GPUBuffer;
  readonly #staging = new ArrayBuffer(UNIFORM_BYTES);
  readonly #words = {
    int: new Int32Array(this.#staging),
    uint: new Uint32Array(this.#staging),
    float: new Float32Array(this.#staging),
  };
  #uniformsEnd = 0;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  /** Stable numbers of buffers, for the keys of bind groups. */
  readonly #bufferIds = new WeakMap<GPUBuffer, number>();
  #nextBufferId = 0;
  readonly #pool = new BufferPool();

  /** Takes the runtime over; kernels that were made before keep their old path, so load them after. */
  constructor(context: TvmWebGpu, rewrite: KernelRewriter = () => null) {
    this.#context = context;
    this.#device = context.device;
    this.#rewrite = rewrite;
    this.#uniforms = this.#device.createBuffer({
      label: "numbers of library kernels",
      size: UNIFORM_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    context.flushCommands = () => this.flush();
    context.createShadeInternal = (info, code, isAsync) => this.#createKernel(info, code, isAsync);
    context.deviceCopyWithinGPU = (from, fromAt, to, toAt, size) => {
      this.#endPass();
      this.#encoder ??= this.#device.createCommandEncoder();
      const source = context.gpuBufferFromPtr(from);
      this.#encoder.copyBufferToBuffer(source, fromAt, context.gpuBufferFromPtr(to), toAt, size);
    };
    this.#flushBefore();
    this.#poolBuffers();
  }

  /** Hands all pending calls to the device. */
  flush(): void {
    if (this.#encoder === null) return;
    this.#endPass();
    if (this.#uniformsEnd > 0) {
      this.#device.queue.writeBuffer(this.#uniforms, 0, this.#staging, 0, this.#uniformsEnd);
    }
    this.#device.queue.submit([this.#encoder.finish()]);
    this.numSubmits++;
    this.#encoder = null;
    this.#uniformsEnd = 0;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }

  /** Writes and reads of the queue would overtake pending calls. */
  #flushBefore(): void {
    const context = this.#context;
    const wrap = <A extends unknown[], R>(method: (...args: A) => R) => (...args: A): R => {
      this.flush();
      return method.apply(context, args);
    };
    context.copyRawBytesToBuffer = wrap(context.copyRawBytesToBuffer);
    context.deviceCopyToGPU = wrap(context.deviceCopyToGPU);
    context.deviceCopyFromGPU = wrap(context.deviceCopyFromGPU);
    context.sync = wrap(context.sync);
  }

  /** A tensor that is made in each step gets the same buffer each time, so that its bind groups are found again. */
  #poolBuffers(): void {
    const context = this.#context;
    const allocate = context.deviceAllocDataSpace.bind(context);
    context.deviceAllocDataSpace = (size) => {
      const padded = Math.max(4, Math.ceil(size / 4) * 4);
      const buffer = this.#pool.take(padded);
      return buffer ? context.attachToBufferTable(buffer) : allocate(padded);
    };
    context.deviceFreeDataSpace = (pointer) => {
      const buffer = context.bufferTable[pointer];
      if (buffer === undefined) throw new Error(`The library frees the buffer ${pointer} twice`);
      context.bufferTable[pointer] = undefined;
      context.bufferTableFreeId.push(pointer);
      const evicted = this.#pool.give(buffer);
      if (evicted.length > 0) this.flush(); // pending calls may use them
      for (const old of evicted) old.destroy();
    };
  }

  #createKernel(info: TvmKernelInfo, code: string, isAsync: boolean): unknown {
    const signature = readSignature(info);
    const rewritten = this.#rewrite(info.name, code);
    const bindGroupLayout = this.#device.createBindGroupLayout({
      label: info.name,
      entries: [
        ...signature.buffers.map(({ isWritten }, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: isWritten ? "storage" : "read-only-storage" } as const,
        })),
        {
          binding: signature.buffers.length,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: "uniform", hasDynamicOffset: true },
        },
      ],
    });
    const descriptor: GPUComputePipelineDescriptor = {
      label: info.name,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] }),
      compute: {
        module: this.#device.createShaderModule({
          label: info.name,
          code: rewritten?.code ?? code,
        }),
        entryPoint: info.name,
      },
    };
    const create = (pipeline: GPUComputePipeline) =>
      this.#createCall({ signature, bindGroupLayout, pipeline, rewritten });
    return isAsync
      ? this.#device.createComputePipelineAsync(descriptor).then(create)
      : create(this.#device.createComputePipeline(descriptor));
  }

  #createCall(kernel: {
    signature: Signature;
    bindGroupLayout: GPUBindGroupLayout;
    pipeline: GPUComputePipeline;
    rewritten: RewrittenKernel | null;
  }): (...args: number[]) => void {
    const { signature, pipeline, rewritten } = kernel;
    const numArgs = signature.buffers.length + signature.numbers.length;
    const numBytes = 4 * (signature.numbers.length + 1);
    const alignment = this.#device.limits.minUniformBufferOffsetAlignment;
    const bindGroups = new Map<string, GPUBindGroup>();
    return (...args) => {
      if (this.#uniformsEnd + numBytes > UNIFORM_BYTES) this.flush();
      const offset = this.#uniformsEnd;
      this.#uniformsEnd = Math.ceil((offset + numBytes) / alignment) * alignment;
      const { workgroups, width } = readWorkgroups(signature.axes, args.slice(numArgs));
      this.#writeNumbers(offset / 4, signature, args, width);
      const bindGroup = this.#bind(bindGroups, kernel, args);
      this.#encoder ??= this.#device.createCommandEncoder();
      this.#pass ??= this.#encoder.beginComputePass();
      this.#pass.setPipeline(pipeline);
      this.#pass.setBindGroup(0, bindGroup, [offset]);
      this.#pass.dispatchWorkgroups(...(rewritten?.workgroups(workgroups) ?? workgroups));
    };
  }

  #writeNumbers(at: number, { numbers }: Signature, args: readonly number[], width: number): void {
    numbers.forEach(({ arg, kind }, i) => this.#words[kind][at + i] = args[arg]!);
    this.#words.uint[at + numbers.length] = width;
  }

  #bind(
    known: Map<string, GPUBindGroup>,
    { signature, bindGroupLayout }: { signature: Signature; bindGroupLayout: GPUBindGroupLayout },
    args: readonly number[],
  ): GPUBindGroup {
    const buffers = signature.buffers.map(({ arg }) => this.#context.gpuBufferFromPtr(args[arg]!));
    const key = buffers.map((buffer) => this.#idOf(buffer)).join();
    let group = known.get(key);
    if (group) return group;
    group = this.#device.createBindGroup({
      layout: bindGroupLayout,
      entries: [
        ...buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
        {
          binding: buffers.length,
          resource: { buffer: this.#uniforms, size: 4 * (signature.numbers.length + 1) },
        },
      ],
    });
    if (known.size >= MAX_BIND_GROUPS) known.clear();
    known.set(key, group);
    return group;
  }

  #idOf(buffer: GPUBuffer): number {
    let id = this.#bufferIds.get(buffer);
    if (id === undefined) this.#bufferIds.set(buffer, id = this.#nextBufferId++);
    return id;
  }
}

/** @throws {Error} a tag or type that no library we know has */
function readSignature({ name, arg_types, launch_param_tags }: TvmKernelInfo): Signature {
  const axes: number[] = [];
  let writes: number[] = [];
  for (const tag of launch_param_tags) {
    const [, scope, axis] = /^(blockIdx|threadIdx)\.([xyz])$/.exec(tag) ?? [];
    if (axis !== undefined) axes.push("xyz".indexOf(axis) + (scope === "blockIdx" ? 0 : 3));
    else if (tag.startsWith("paramWriteAccess:")) {
      writes = JSON.parse(tag.slice("paramWriteAccess:".length));
    } else throw new Error(`The library's kernel ${name} has the unknown launch tag ${tag}`);
  }
  const buffers: { arg: number; isWritten: boolean }[] = [];
  const numbers: { arg: number; kind: "int" | "uint" | "float" }[] = [];
  arg_types.forEach((type, arg) => {
    if (type === "handle") buffers.push({ arg, isWritten: Boolean(writes[buffers.length]) });
    else {
      const kind = (["int", "uint", "float"] as const).find((prefix) => type.startsWith(prefix));
      if (!kind) throw new Error(`The library's kernel ${name} takes the unknown type ${type}`);
      numbers.push({ arg, kind });
    }
  });
  return { buffers, numbers, axes };
}

/** Spreads a wide grid over z, as the library's kernels expect; `width` is the grid's width before. */
function readWorkgroups(
  axes: readonly number[],
  launch: readonly number[],
): { workgroups: Workgroups; width: number } {
  const sizes = [1, 1, 1, 1, 1, 1];
  axes.forEach((axis, i) => sizes[axis] = launch[i]!);
  const width = sizes[0]!;
  let [x, z] = [width, 1];
  while (x > MAX_WORKGROUPS) {
    x = Math.ceil(x / 2);
    z *= 2;
  }
  return { workgroups: [x, sizes[1]!, z], width };
}
