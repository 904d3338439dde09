/**
 * Reads a compiled model library: which runtime it was built for, and the metadata that its compiler left in it. Runs nothing.
 *
 * @module
 */
import { ModelInvalidError } from "../../errors.ts";

/** Libraries are 3 to 10 MB; the cap keeps a wrong file from filling memory. */
const MAX_LIBRARY_BYTES = 256 * 1024 * 1024;

/** `packed` is TVM's calling convention up to web-llm 0.2.79, `ffi` the one since 0.2.80. */
export type LibraryAbi = "packed" | "ffi";

/** A parameter that the library takes; a dimension may be a name, which the package's own tensor then fixes. */
export interface LibraryParam {
  readonly name: string;
  readonly shape: readonly (number | string)[];
  readonly dtype: string;
}

/** What a library says of itself. */
export interface LibraryInfo {
  readonly abi: LibraryAbi;
  /** Architecture key, for example `qwen2`. */
  readonly modelType: string;
  /** For example `q4f16_1`. */
  readonly quantization: string;
  /** Tokens of one prefill step. */
  readonly prefillChunkSize: number;
  /** Sequences (or texts to embed) of one step. */
  readonly maxBatchSize: number;
  /** Sizes of the KV cache; null for embedding models. */
  readonly kv: {
    readonly numLayers: number;
    readonly numKeyValueHeads: number;
    readonly headDim: number;
  } | null;
  readonly params: readonly LibraryParam[];
  /** Bytes that the compiler reserves for the activations of a function, by the function's name. */
  readonly memoryUsage: Readonly<Record<string, number>>;
}

/** A library and its bytes. */
export interface Library extends LibraryInfo {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a library file.
 *
 * @throws {ModelInvalidError} it is absent, no WebAssembly, or not compiled from a language model
 */
export async function readLibrary(path: string): Promise<Library> {
  const bytes = await readFile(path);
  const module = await WebAssembly.compile(bytes).catch((cause: unknown) => {
    throw invalid(path, "it is no WebAssembly module; fetch it again", cause);
  });
  const metadata = parseMetadata(path, bytes);
  return { path, bytes, abi: readAbi(path, module), ...readInfo(path, metadata) };
}

async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const info = await Deno.stat(path).catch(() => null);
  if (!info?.isFile) throw invalid(path, "the file is not there; fetch it, or correct the path");
  if (info.size > MAX_LIBRARY_BYTES) {
    throw invalid(path, `it has ${info.size} bytes, at most ${MAX_LIBRARY_BYTES} are read`);
  }
  return await Deno.readFile(path);
}

function readAbi(path: string, module: WebAssembly.Module): LibraryAbi {
  const names = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  if (names.has("TVMFFIFunctionCall")) return "ffi";
  if (names.has("TVMFuncCall")) return "packed";
  throw invalid(path, "it exports none of TVM's entry points; give a library compiled by MLC");
}

/** The compiler leaves its metadata as JSON text in the module's data. */
function parseMetadata(path: string, bytes: Uint8Array): Record<string, unknown> {
  const start = indexOf(bytes, new TextEncoder().encode('{"model_type"'));
  if (start === -1) throw invalid(path, "it carries no model metadata");
  const end = findEndOfObject(bytes, start);
  try {
    return JSON.parse(new TextDecoder().decode(bytes.subarray(start, end)));
  } catch (cause) {
    throw invalid(path, "its metadata is not JSON", cause);
  }
}

function indexOf(bytes: Uint8Array, needle: Uint8Array): number {
  for (let at = bytes.indexOf(needle[0]!); at !== -1; at = bytes.indexOf(needle[0]!, at + 1)) {
    if (needle.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

/** Behind the brace that closes the object; names and values hold no braces of their own. */
function findEndOfObject(bytes: Uint8Array, start: number): number {
  let depth = 0;
  for (let i = start; i < bytes.length; i++) {
    if (bytes[i] === 0x7b) depth++;
    else if (bytes[i] === 0x7d && --depth === 0) return i + 1;
  }
  return bytes.length;
}

function readInfo(path: string, metadata: Record<string, unknown>): Omit<LibraryInfo, "abi"> {
  const text = (name: string) => {
    const value = metadata[name];
    if (typeof value === "string") return value;
    throw invalid(path, `its metadata has no ${name}`);
  };
  const count = (name: string, from: Record<string, unknown> = metadata) => {
    const value = from[name];
    if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
    throw invalid(path, `${name} of its metadata is ${value}, not a positive number`);
  };
  const { kv_state_kind: state = "kv_cache" } = metadata;
  if (state !== "kv_cache") {
    throw invalid(
      path,
      `its model keeps a state of the kind ${
        JSON.stringify(state)
      }, and only a KV cache can be run`,
    );
  }
  const kv = (metadata.kv_cache ?? null) as Record<string, unknown> | null;
  return {
    modelType: text("model_type"),
    quantization: text("quantization"),
    prefillChunkSize: count("prefill_chunk_size"),
    maxBatchSize: count("max_batch_size"),
    kv: kv && {
      numLayers: count("num_hidden_layers", kv),
      numKeyValueHeads: count("num_key_value_heads", kv),
      headDim: count("head_dim", kv),
    },
    params: readParams(path, metadata.params),
    memoryUsage: readMemoryUsage(metadata.memory_usage),
  };
}

function readParams(path: string, value: unknown): LibraryParam[] {
  const isParam = (param: LibraryParam) =>
    typeof param?.name === "string" && typeof param.dtype === "string" &&
    Array.isArray(param.shape) &&
    param.shape.every((size) => typeof size === "number" || typeof size === "string");
  if (Array.isArray(value) && value.every(isParam)) return value;
  throw invalid(path, "its metadata lists no parameters");
}

function readMemoryUsage(value: unknown): Record<string, number> {
  const entries = Object.entries(value ?? {});
  return Object.fromEntries(entries.filter(([, bytes]) => typeof bytes === "number"));
}

function invalid(path: string, reason: string, cause?: unknown): ModelInvalidError {
  return new ModelInvalidError(
    `Cannot use the model library "${path}": ${reason}`,
    cause === undefined ? {} : { cause },
  );
}
