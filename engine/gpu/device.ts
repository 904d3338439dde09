/**
 * The one WebGPU device of an isolate: what it can do, its buffers and its compiled kernels.
 * Knows no model and no operation.
 *
 * @module
 */
import { type Elem, fixOverrides, type Kernel, type Overrides } from "../../kernels/mod.ts";
import { DeviceError } from "../errors.ts";
import { type AdapterInfo, describeAdapter, requestAdapter } from "./adapter.ts";
import { BINDING_LAYOUTS, bindingOf } from "./bindings.ts";
import { listThreads, pinPoolThreads } from "./pin_threads.ts";
import { isFastReadbackSafe } from "./readback.ts";
import {
  type BufferResource,
  chunksOf,
  type GpuResource,
  isTexture,
  locateBuffer,
  locateTexture,
} from "./resources.ts";
import { hasThreadPool } from "./software_threads.ts";

/** Limits asked for at the adapter's own maximum; the defaults of WebGPU are too small for a model. */
const WANTED_LIMITS = [
  "maxStorageBufferBindingSize", // weights
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage", // the projection to queries, keys and values binds ten
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxTextureDimension2D", // weights of the software set
  "maxTextureArrayLayers", // those of all layers in one texture
  "maxStorageTexturesPerShaderStage", // its layers bind up to eight
] as const;

/** A feature of the runtime's own, outside of WebGPU; a device lists it as `wgpu-…`. */
const READ_WRITE_TEXTURES = "texture-adapter-specific-format-features" as GPUFeatureName;

/** A WebGPU device with its compiled kernels. */
export class GpuDevice {
  /** The adapter that it came from. */
  readonly info: AdapterInfo;
  /** Whether passes can be timed. */
  readonly hasTimestamps: boolean;
  /** Whether kernels may use subgroup functions; in WGSL without `enable subgroups`, which this runtime does not parse. */
  readonly hasSubgroups: boolean;
  /** Whether a kernel may read and write the same texture; as with subgroups, only a request tells. */
  readonly hasReadWriteTextures: boolean;
  /** Whether a buffer can be read without the runtime's sleep; see `readback.ts`. */
  readonly hasFastReadback: boolean;
  /** The device itself. */
  readonly raw: GPUDevice;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** By kinds of bindings: forms of a kernel share bind groups. */
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  #lost: DeviceError | null = null;
  #betweenCompilations: (() => void) | null = null;

  private constructor(
    raw: GPUDevice,
    info: AdapterInfo,
    { hasFastReadback }: { hasFastReadback: boolean },
  ) {
    this.raw = raw;
    this.info = info;
    this.hasFastReadback = hasFastReadback;
    this.hasTimestamps = raw.features.has("timestamp-query");
    this.hasSubgroups = raw.features.has("subgroups");
    this.hasReadWriteTextures = [...raw.features].some((name) =>
      name.endsWith(READ_WRITE_TEXTURES)
    );
    raw.lost.then(({ reason, message }) => {
      this.#lost = new DeviceError(
        "device_lost",
        `The GPU device was lost (${reason}): ${message}`,
      );
    });
  }

  /**
   * Takes the adapter's device with its largest limits.
   *
   * @throws {DeviceError} no adapter, or the adapter gives no device
   */
  static async create(): Promise<GpuDevice> {
    const adapter = await requestAdapter();
    const requiredLimits = Object.fromEntries(
      WANTED_LIMITS.map((name) => [name, adapter.limits[name]]),
    );
    const threads = hasThreadPool(adapter.info) ? listThreads() : null;
    const features = adapter.features.has("timestamp-query") ? ["timestamp-query"] : [];
    const request = (more: string[]) =>
      adapter.requestDevice({
        label: "ollm",
        requiredLimits,
        requiredFeatures: [...features, ...more] as GPUFeatureName[],
      });
    let raw: GPUDevice;
    try {
      // `adapter.features` does not name them where they can be had: only a request tells.
      raw = await request(["subgroups", READ_WRITE_TEXTURES])
        .catch(() => request(["subgroups"]))
        .catch(() => request([READ_WRITE_TEXTURES]))
        .catch(() => request([]));
    } catch (cause) {
      throw new DeviceError(
        "device_unavailable",
        `The adapter "${adapter.info.description}" gives no device: ${cause}`,
        { cause },
      );
    }
    if (threads) pinPoolThreads(threads);
    return new GpuDevice(raw, describeAdapter(adapter), {
      hasFastReadback: await isFastReadbackSafe(raw),
    });
  }

  /** Throws if the device was lost. */
  assertAlive(): void {
    if (this.#lost) throw this.#lost;
  }

  /** Creates a zeroed buffer; `size` in bytes is rounded up to a multiple of 4, at least 16. */
  createBuffer(
    label: string,
    size: number,
    usage: GPUFlagsConstant = GPUBufferUsage.STORAGE,
  ): GPUBuffer {
    return this.raw.createBuffer({
      label,
      size: Math.max(16, Math.ceil(size / 4) * 4),
      usage: usage | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Writes bytes at `offset`; a last incomplete word is filled up with zeros. */
  writeBuffer(target: BufferResource, data: ArrayBufferView, offset = 0): void {
    const { buffer, offset: start } = locateBuffer(target);
    // Shared memory will do.
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    const whole = bytes.length - bytes.length % 4;
    if (whole > 0) this.raw.queue.writeBuffer(buffer, start + offset, bytes, 0, whole);
    if (whole < bytes.length) {
      const last = new Uint8Array(4);
      last.set(bytes.subarray(whole));
      this.raw.queue.writeBuffer(buffer, start + offset + whole, last);
    }
  }

  /** Writes 16 zeros at the start of a new buffer, or of a texture with texels of as many bytes. */
  touch(resource: GpuResource): void {
    const zeros = new Uint8Array(16);
    if (!isTexture(resource)) return this.writeBuffer(resource, zeros);
    const { texture, layer } = locateTexture(resource);
    this.raw.queue.writeTexture({ texture, origin: [0, 0, layer] }, zeros, {}, [1, 1]);
  }

  /** Hands pending writes to the driver, so that their staging memory can be freed. */
  flush(): void {
    this.raw.queue.submit([]);
  }

  /**
   * Runs `build`, which creates device objects, and turns the device's refusals into errors.
   *
   * @throws {DeviceError} out of memory, or a bug in how an object was described
   */
  async guard<T>(what: string, build: () => T | Promise<T>): Promise<T> {
    this.assertAlive();
    this.raw.pushErrorScope("validation");
    this.raw.pushErrorScope("out-of-memory");
    const built = await Promise.resolve().then(build).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const outOfMemory = await this.raw.popErrorScope();
    const invalid = await this.raw.popErrorScope();
    if (outOfMemory) {
      throw new DeviceError(
        "out_of_memory",
        `The device has not enough memory for ${what}: ${outOfMemory.message}`,
      );
    }
    if ("error" in built) throw built.error;
    if (invalid) throw new Error(`Invalid device object in ${what}: ${invalid.message}`);
    return built.value;
  }

  /** Runs `build`, and `work` in front of each compilation: it keeps this thread busy for up to half a second. */
  async between<T>(work: () => void, build: () => Promise<T>): Promise<T> {
    this.#betweenCompilations = work;
    try {
      return await build();
    } finally {
      this.#betweenCompilations = null;
    }
  }

  /** The layout of bind group 0 of a kernel. */
  layout(kernel: Kernel): GPUBindGroupLayout {
    const key = kernel.bindings.join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.raw.createBindGroupLayout({
        label: key,
        entries: kernel.bindings.map((kind, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          ...BINDING_LAYOUTS[kind],
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** Binds resources 0, 1, … of a kernel. The group is another one whenever more of a resource has come into use. */
  bind(kernel: Kernel, resources: readonly GpuResource[]): () => GPUBindGroup {
    const { name, bindings } = kernel;
    if (resources.length !== bindings.length) {
      throw new Error(`${name} binds ${bindings.length} resources, ${resources.length} given`);
    }
    const create = () =>
      this.raw.createBindGroup({
        label: name,
        layout: this.layout(kernel),
        entries: resources.map((resource, binding) => ({
          binding,
          resource: bindingOf(resource, bindings[binding]!),
        })),
      });
    let group = create();
    const growing = resources.map(chunksOf).filter((chunks) => chunks !== null);
    if (growing.length === 0) return () => group;
    const countChunks = () => growing.reduce((sum, { numUsed }) => sum + numUsed, 0);
    let numBound = countChunks();
    return () => {
      const numUsed = countChunks();
      if (numUsed !== numBound) group = create();
      numBound = numUsed;
      return group;
    };
  }

  /**
   * Compiles an entry point, once for each element type and set of overrides.
   *
   * @throws {Error} the WGSL does not compile: a bug, with the compiler's text
   */
  pipeline(
    kernel: Kernel,
    entry: string,
    overrides: Overrides,
    elem?: Elem,
  ): Promise<GPUComputePipeline> {
    const key = JSON.stringify([kernel.name, entry, elem, overrides]);
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(kernel, entry, overrides, elem);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  async #compile(
    kernel: Kernel,
    entry: string,
    overrides: Overrides,
    elem: Elem | undefined,
  ): Promise<GPUComputePipeline> {
    const label = elem ? `${entry} ${elem}` : entry;
    this.#betweenCompilations?.();
    const code = fixOverrides(kernel.source(elem, entry), overrides, {
      SUBGROUP_LANES: this.info.minSubgroupSize,
    });
    this.raw.pushErrorScope("validation");
    const module = this.raw.createShaderModule({ label, code });
    const moduleError = this.raw.popErrorScope();
    try {
      return await this.raw.createComputePipelineAsync({
        label,
        layout: this.raw.createPipelineLayout({ bindGroupLayouts: [this.layout(kernel)] }),
        compute: { module, entryPoint: entry },
      });
    } catch (cause) {
      const reason = (await moduleError)?.message ?? String(cause);
      throw new Error(`Cannot compile ${label}: ${reason}`, { cause });
    }
  }

  /** Ends the device; every buffer of it is gone. */
  destroy(): void {
    this.raw.destroy();
  }
}
