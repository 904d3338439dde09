/**
 * The compiled libraries of this machine whose dimensions are known, with packages of random weights for them.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { type Library, readLibrary } from "../../engine/backends/web_llm/library.ts";
import { MODEL_CONFIGS } from "../../tools/libraries/model_configs.ts";
import { writeLibraryPackage } from "../../tools/libraries/random_package.ts";
import { wordPieceTokenizer } from "./word_piece_tokenizer.ts";

/** A library and how to write a package for it. */
export interface KnownLibrary {
  path: string;
  task: "generate" | "embed";
  model: { config: Record<string, unknown>; vocabSize: number };
}

const EMBEDDING_MODEL = {
  config: {
    hidden_size: 384,
    intermediate_size: 1536,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    layer_norm_eps: 1e-12,
    max_position_embeddings: 512,
  },
  vocabSize: 30522,
};

/** Those below `OLLM_LIBRARIES`, in order; a family once, in each quantization. */
export async function findLibraries(): Promise<KnownLibrary[]> {
  const folder = Deno.env.get("OLLM_LIBRARIES");
  if (!folder || !(await Deno.stat(folder).catch(() => null))?.isDirectory) return [];
  const found: KnownLibrary[] = [];
  for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (!name.endsWith(".wasm")) continue;
    const path = resolve(folder, name);
    const model = Object.entries(MODEL_CONFIGS).find(([prefix]) => name.includes(prefix))?.[1];
    if (model) found.push({ path, task: "generate", model });
    const isSmall = /snowflake(-arctic-embed)?-s\b/.test(name);
    if (isSmall && (await readLibrary(path)).abi === "ffi") {
      found.push({ path, task: "embed", model: EMBEDDING_MODEL });
    }
  }
  const only = Deno.env.get("OLLM_LIBRARY");
  return only === undefined ? found : found.filter(({ path }) => path.includes(only));
}

/** Libraries of one kind. */
export async function librariesFor(task: KnownLibrary["task"]): Promise<KnownLibrary[]> {
  return (await findLibraries()).filter((library) => library.task === task);
}

/** Folder of a package of random weights for the library; written at the first use. */
export async function openRandomPackage(
  { path, task, model }: KnownLibrary,
): Promise<{ dir: string; library: Library }> {
  const library = await readLibrary(path);
  const packages = Deno.env.get("OLLM_LIBRARY_PACKAGES") ?? ".cache/libraries";
  const dir = resolve(packages, basename(path).replace(/(-ctx.*)?\.wasm$/, ""));
  await writeLibraryPackage(dir, library, model);
  // The only library beside a package is its own.
  await Deno.copyFile(path, join(dir, "library.wasm"));
  if (task === "embed") {
    await Deno.writeTextFile(
      join(dir, "tokenizer.json"),
      JSON.stringify(wordPieceTokenizer(model.vocabSize)),
    );
  }
  return { dir, library };
}
