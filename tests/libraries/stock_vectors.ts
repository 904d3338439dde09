/**
 * web-llm's own vectors, without our dispatch path: under the same globals, in a process of its own.
 *
 *     deno run -A tests/libraries/stock_vectors.ts '{"dir":…,"library":…,"inputs":[[101,…,102]]}'
 *
 * @module
 */
import { withBrowserGlobals } from "../../engine/backends/web_llm/host.ts";
import { readLibrary } from "../../engine/backends/web_llm/library.ts";
import {
  createPackageCaches,
  LIBRARY_URL,
  PACKAGE_URL,
} from "../../engine/backends/web_llm/package_cache.ts";
import { MLCEngine } from "../../engine/backends/web_llm/releases/ffi.ts";
import { openPackage } from "../../engine/formats/mod.ts";

/** web-llm's pipeline for embeddings. */
interface EmbeddingPipeline {
  embedStep(inputs: number[][]): Promise<number[][]>;
}

async function run(
  { dir, library: path, inputs }: { dir: string; library: string; inputs: number[][] },
): Promise<number[][]> {
  const pkg = await openPackage(dir);
  const library = await readLibrary(path);
  const caches = createPackageCaches(pkg, library);
  return await withBrowserGlobals({ caches, onDevice: () => Promise.resolve() }, async () => {
    const engine = new MLCEngine({
      logLevel: "SILENT",
      appConfig: {
        model_list: [{
          model: PACKAGE_URL,
          model_id: "model",
          model_lib: LIBRARY_URL,
          model_type: 1,
          overrides: {
            context_window_size: library.prefillChunkSize,
            sliding_window_size: -1,
            tokenizer_files: ["tokenizer.json"],
          },
        }],
      },
    });
    await engine.reload("model");
    const { loadedModelIdToPipeline } = engine as unknown as {
      loadedModelIdToPipeline: Map<string, EmbeddingPipeline>;
    };
    const pipeline = loadedModelIdToPipeline.get("model")!;
    const vectors: number[][] = [];
    // One by one: libraries let padding change the vectors of shorter inputs.
    for (const input of inputs) vectors.push(...await pipeline.embedStep([input]));
    return vectors;
  });
}

if (import.meta.main) {
  const vectors = await run(JSON.parse(Deno.args[0]!));
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(vectors)));
  Deno.exit(0);
}
