/**
 * The browser's `CacheStorage` over a package directory and a library file, as far as web-llm uses it. There is nothing to
 * fetch: what is not on disk is an error.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { ModelInvalidError } from "../../errors.ts";
import type { ModelPackage } from "../../formats/mod.ts";
import type { Library } from "./library.ts";

/** Where web-llm believes that the files are. */
export const PACKAGE_URL = "http://package.invalid/";
export const LIBRARY_URL = "http://library.invalid/library.wasm";

/** Both names of the parameter index; releases ask for one or the other. */
const INDEX_NAMES = ["tensor-cache.json", "ndarray-cache.json"];

/**
 * A tokenizer of two tokens: web-llm insists on one, but text never passes through it. The package's own, of up to 20 MB,
 * would take half a second and a hundred megabytes.
 */
const TOKENIZER = JSON.stringify({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "WordLevel", vocab: { a: 0, b: 1 }, unk_token: "a" },
});

/** The part of `Cache` that web-llm calls; Deno's types lack half of it. */
interface PackageCache {
  match(request: RequestInfo | URL): Promise<Response | undefined>;
  add(request: RequestInfo | URL): Promise<void>;
  put(): Promise<void>;
  delete(): Promise<boolean>;
  keys(): Promise<Request[]>;
}

type Body = Uint8Array<ArrayBuffer> | string;

/** Answers for the files of one package and one library. */
export function createPackageCaches(pkg: ModelPackage, library: Library): CacheStorage {
  const cache: PackageCache = {
    async match(request) {
      const body = await read(urlOf(request), pkg, library);
      return body === null ? undefined : new Response(body);
    },
    add(request) {
      const message = `The file ${urlOf(request)} is not part of the package ${pkg.dir}`;
      return Promise.reject(new ModelInvalidError(message));
    },
    put: () => Promise.resolve(),
    delete: () => Promise.resolve(false),
    // Asked which shards are here: all that the index names.
    keys: () =>
      Promise.resolve(
        pkg.shards.map(({ path }) => new Request(new URL(basename(path), PACKAGE_URL))),
      ),
  };
  const caches: Partial<CacheStorage> = {
    open: () => Promise.resolve(cache as unknown as Cache),
    has: () => Promise.resolve(true),
    keys: () => Promise.resolve([]),
    delete: () => Promise.resolve(false),
  };
  return caches as CacheStorage;
}

async function read(url: string, pkg: ModelPackage, library: Library): Promise<Body | null> {
  if (url === LIBRARY_URL) return library.bytes;
  if (!url.startsWith(PACKAGE_URL)) return null;
  const name = decodeURIComponent(url.slice(PACKAGE_URL.length)).replace(/^resolve\/main\//, "");
  if (name === "tokenizer.json") return TOKENIZER;
  if (name === "mlc-chat-config.json") return JSON.stringify(pkg.chatConfig);
  if (INDEX_NAMES.includes(name)) return await readIndex(pkg.dir);
  const shard = pkg.shards.find(({ path }) => basename(path) === name);
  return shard ? await readShard(shard) : null;
}

async function readIndex(dir: string): Promise<Body> {
  for (const name of INDEX_NAMES) {
    const text = await Deno.readTextFile(join(dir, name)).catch(() => null);
    if (text !== null) return text;
  }
  throw new ModelInvalidError(`Cannot open "${dir}": it has no ${INDEX_NAMES[0]}`);
}

/** web-llm does not look at the hashes of the index, so this does. */
async function readShard({ path, md5 }: ModelPackage["shards"][number]): Promise<Body> {
  const bytes = await Deno.readFile(path);
  if (md5 === null || createHash("md5").update(bytes).digest("hex") === md5) return bytes;
  throw new ModelInvalidError(
    `Cannot load "${path}": its MD5 is not the index's ${md5}; download the shard again`,
  );
}

function urlOf(request: RequestInfo | URL): string {
  return request instanceof Request ? request.url : String(request);
}
