/**
 * Lets web-llm load a package with its library, and takes the loaded runtime over.
 *
 * @module
 */
import { EngineError, ModelInvalidError } from "../../errors.ts";
import type { ModelPackage } from "../../formats/mod.ts";
import { installFastWaits } from "../../gpu/mod.ts";
import { Dispatcher, type KernelRewriter } from "./dispatch.ts";
import { withBrowserGlobals } from "./host.ts";
import type { Library, LibraryAbi } from "./library.ts";
import { describe } from "./library_calls.ts";
import { createPackageCaches, LIBRARY_URL, PACKAGE_URL } from "./package_cache.ts";
import { assertPipeline, type Pipeline, type WebLlmModule } from "./tvm.ts";

/**
 * The release that runs each kind of library. Not written as an `import()` of a literal: Deno would fetch both at every
 * first start, though most models need neither.
 */
const RELEASES: Readonly<Record<LibraryAbi, URL>> = {
  ffi: new URL("./releases/ffi.ts", import.meta.url),
  packed: new URL("./releases/packed.ts", import.meta.url),
};

const MODEL_ID = "model";

/** What a load needs. */
export interface LoadPipelineOptions {
  pkg: ModelPackage;
  library: Library;
  /** `embed` for embedding models. */
  task: "generate" | "embed";
  /** Laid over the package's chat configuration. */
  overrides: Record<string, unknown>;
  /** Private methods that are used beside those of every pipeline: path → names. */
  methods: Record<string, readonly string[]>;
  rewriteKernel: KernelRewriter;
  /** Share from 0 to 1. */
  onProgress: (share: number) => void;
}

/** A loaded pipeline and its device. */
export interface LoadedPipeline<P extends Pipeline> {
  pipeline: P;
  device: GPUDevice;
  dispatcher: Dispatcher;
}

/**
 * Loads the package's weights and the library's kernels. One load in an isolate.
 *
 * @throws {ModelInvalidError} the library refuses the package
 * @throws {EngineError} this web-llm has other private fields
 */
export async function loadPipeline<P extends Pipeline>(
  options: LoadPipelineOptions,
): Promise<LoadedPipeline<P>> {
  const { pkg, library } = options;
  const devices: GPUDevice[] = [];
  const loaded = await withBrowserGlobals({
    caches: createPackageCaches(pkg, library),
    async onDevice(device) {
      devices.push(device);
      await installFastWaits(device);
      postponeKernels(device);
    },
  }, async () => await load(options));
  const device = devices.at(-1)!;
  resumeKernels(device);
  assertPipeline(loaded, options.methods);
  const pipeline = loaded as P;
  const dispatcher = new Dispatcher(pipeline.tvm.lib.webGPUContext, options.rewriteKernel);
  await pipeline.tvm.asyncLoadWebGPUPipelines(pipeline.vm.getInternalModule());
  return { pipeline, device, dispatcher };
}

async function load(options: LoadPipelineOptions): Promise<unknown> {
  const { pkg, library, task, overrides, onProgress } = options;
  const { MLCEngine } = await importRelease(library.abi);
  const engine = new MLCEngine({
    logLevel: "SILENT",
    initProgressCallback: ({ progress }: { progress: number }) => onProgress(progress),
    appConfig: {
      // 0.2.79 reads the first, later releases the second.
      useIndexedDBCache: false,
      cacheBackend: "cache",
      model_list: [{
        model: PACKAGE_URL,
        model_id: MODEL_ID,
        model_lib: LIBRARY_URL,
        model_type: task === "embed" ? 1 : 0,
        overrides: { ...overrides, tokenizer_files: ["tokenizer.json"] },
      }],
    },
  });
  try {
    await engine.reload(MODEL_ID);
  } catch (cause) {
    if (cause instanceof ModelInvalidError) throw cause;
    throw new ModelInvalidError(
      `The model library "${library.path}" cannot load "${pkg.dir}": ${describe(cause)}; ` +
        "give the library that was compiled for this package, or use --backend wgsl",
      { cause },
    );
  }
  return engine.loadedModelIdToPipeline.get(MODEL_ID);
}

/** @throws {EngineError} `offline`: it is not in the cache of packages, and cannot be fetched */
async function importRelease(abi: LibraryAbi): Promise<WebLlmModule> {
  try {
    return await import(RELEASES[abi].href);
  } catch (cause) {
    throw new EngineError(
      "offline",
      `Cannot get the package that runs compiled libraries: ${firstLine(describe(cause))}; ` +
        "start once with a network, or use --backend wgsl",
      { cause },
    );
  }
}

/** The rest names the runtime's own causes, in colours. */
function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}

/** web-llm compiles every kernel on its own dispatch path first; ours replaces that path, so nothing is compiled yet. */
function postponeKernels(device: GPUDevice): void {
  device.createComputePipelineAsync = () => Promise.resolve({} as GPUComputePipeline);
  device.createShaderModule = () => ({} as GPUShaderModule);
}

function resumeKernels(device: GPUDevice): void {
  // Own properties hide the prototype's methods.
  Reflect.deleteProperty(device, "createComputePipelineAsync");
  Reflect.deleteProperty(device, "createShaderModule");
}
