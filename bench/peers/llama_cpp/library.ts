/**
 * llama.cpp's shared libraries, as node-llama-cpp publishes them, called directly: its JavaScript interface costs a queue and
 * a thread change a token, which would be counted against llama.cpp.
 *
 * @module
 */

/** Struct layouts below are those of this version's `llama.h`. */
export const PACKAGE_VERSION = "3.22.1";

const POINTER = "pointer";
const MODEL_PARAMS = {
  struct: [
    POINTER, // devices
    POINTER, // tensor_buft_overrides
    ...repeat("i32", 5), // n_gpu_layers, split_mode, load_mode, lazy_mode, main_gpu
    ...repeat(POINTER, 4), // tensor_split, progress_callback and its data, kv_overrides
    ...repeat("bool", 6),
  ],
} as const;
const CONTEXT_PARAMS = {
  struct: [
    ...repeat("u32", 7), // n_ctx, n_batch, n_ubatch, n_seq_max, n_rs_seq, n_outputs_max, n_outputs_max_per_seq
    ...repeat("i32", 2), // n_threads, n_threads_batch
    ...repeat("i32", 5), // types of context, RoPE scaling, pooling, attention, flash attention
    ...repeat("f32", 6), // RoPE and YaRN
    "u32", // yarn_orig_ctx
    "f32", // defrag_thold
    ...repeat(POINTER, 2), // cb_eval and its data
    ...repeat("i32", 2), // type_k, type_v
    ...repeat(POINTER, 2), // abort_callback and its data
    ...repeat("bool", 6),
    POINTER, // samplers
    "usize",
    POINTER, // ctx_other
  ],
} as const;
const BATCH = { struct: ["i32", ...repeat(POINTER, 6)] } as const;

const SYMBOLS = {
  llama_backend_init: { parameters: [], result: "void" },
  llama_model_default_params: { parameters: [], result: MODEL_PARAMS },
  llama_context_default_params: { parameters: [], result: CONTEXT_PARAMS },
  llama_model_load_from_file: { parameters: ["buffer", MODEL_PARAMS], result: POINTER },
  llama_init_from_model: { parameters: [POINTER, CONTEXT_PARAMS], result: POINTER },
  llama_get_memory: { parameters: [POINTER], result: POINTER },
  llama_memory_clear: { parameters: [POINTER, "bool"], result: "void" },
  llama_memory_seq_pos_max: { parameters: [POINTER, "i32"], result: "i32" },
  llama_decode: { parameters: [POINTER, BATCH], result: "i32" },
  llama_synchronize: { parameters: [POINTER], result: "void" },
  llama_get_logits_ith: { parameters: [POINTER, "i32"], result: POINTER },
  llama_model_desc: { parameters: [POINTER, "buffer", "usize"], result: "i32" },
  llama_model_n_params: { parameters: [POINTER], result: "u64" },
  llama_print_system_info: { parameters: [], result: POINTER },
} as const;

const GGML_SYMBOLS = {
  ggml_backend_load_all_from_path: { parameters: ["buffer"], result: "void" },
} as const;

/** The functions that are used. */
export type LlamaCpp = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

function repeat<const T extends Deno.NativeType>(type: T, count: number): T[] {
  return new Array(count).fill(type);
}

/** Name of the build that runs everywhere on this system; `-vulkan` and `-cuda` builds exist beside some. */
export function defaultBuild(): string {
  const { os, arch } = Deno.build;
  const cpu = arch === "aarch64" ? "arm64" : "x64";
  if (os === "linux") return `linux-${cpu}`;
  if (os === "darwin") return cpu === "arm64" ? "mac-arm64-metal" : "mac-x64";
  throw new Error(`No build of llama.cpp is known for ${os}; compare on Linux or macOS`);
}

/**
 * Downloads the build at its first use, and opens it.
 *
 * @throws {Error} the package cannot be had, or is not laid out as expected
 */
export async function openLlamaCpp(build: string): Promise<LlamaCpp> {
  const folder = `${await findBinaries(build)}/${build}`;
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const find = (name: string) => {
    const file = files.find((file) =>
      new RegExp(`^lib${name}(\\.[^-]*)?\\.(so|dylib)$`).test(file)
    );
    if (file) return `${folder}/${file}`;
    throw new Error(`The build ${build} of llama.cpp has no library ${name} in ${folder}`);
  };
  const ggml = Deno.dlopen(find("ggml"), GGML_SYMBOLS);
  const { symbols } = Deno.dlopen(find("llama"), SYMBOLS);
  ggml.symbols.ggml_backend_load_all_from_path(toCString(folder));
  symbols.llama_backend_init();
  return symbols;
}

/** Not a literal, so that no lock file of ours names it. */
async function findBinaries(build: string): Promise<string> {
  const specifier = `npm:@node-llama-cpp/${build}@${PACKAGE_VERSION}`;
  try {
    const module: { getBinsDir(): { binsDir: string } } = await import(specifier);
    return module.getBinsDir().binsDir;
  } catch (cause) {
    throw new Error(
      `Cannot get ${specifier}: ${cause instanceof Error ? cause.message : cause}; ` +
        "check the network, or leave llama.cpp out with --without llama.cpp",
      { cause },
    );
  }
}

/** UTF-8 with a zero at the end. */
export function toCString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
