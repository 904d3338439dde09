import assert from "node:assert/strict";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../engine/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { startServer } from "../support/server_process.ts";
import { librariesFor, openRandomPackage } from "./libraries.ts";
import { CLS, SEP } from "./word_piece_tokenizer.ts";

const TEXTS = [
  "a",
  "the sea is wide",
  "what do fish eat?",
  "x".repeat(40),
  "and 5 texts do not fit 4 rows",
];

async function runChild(args: string[]): Promise<unknown> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...args],
    cwd: new URL("../../", import.meta.url),
    stderr: "inherit",
  }).output();
  assert.ok(success, args.join(" "));
  return JSON.parse(new TextDecoder().decode(stdout));
}

function normalize(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

for (const known of await librariesFor("embed")) {
  Deno.test(`Engine.embed() with ${basename(known.path)}`, async (t) => {
    const { dir: model } = await openRandomPackage(known);
    const engine = createEngine();
    const { vectors, numPromptTokens } = await engine.embed({ model, inputs: TEXTS });

    await t.step("gives unit vectors, and the same for token ids", async () => {
      for (const vector of vectors) {
        assertClose([Math.hypot(...vector)], [1], { atol: 1e-5, rtol: 0 });
      }
      const tokens = await engine.tokenize({ model, prompt: TEXTS[1]! });
      const own = tokens.filter((id) => id !== CLS && id !== SEP);
      const again = await engine.embed({ model, inputs: [own] });
      assert.deepEqual(again.vectors[0], vectors[1]);
    });

    await t.step("gives a text the same vector alone", async () => {
      for (const [i, text] of TEXTS.entries()) {
        const alone = await engine.embed({ model, inputs: [text] });
        assertClose(alone.vectors[0]!, vectors[i]!, { atol: 1e-6, rtol: 0 });
      }
    });

    await t.step("equals web-llm's own vectors, normalized", async () => {
      const inputs: number[][] = [];
      for (const text of TEXTS.slice(0, 4)) {
        const tokens = await engine.tokenize({ model, prompt: text });
        inputs.push([CLS, ...tokens.filter((id) => id !== CLS && id !== SEP), SEP]);
      }
      const stock = await runChild([
        path("./stock_vectors.ts"),
        JSON.stringify({ dir: model, library: known.path, inputs }),
      ]) as number[][];
      for (const [i, vector] of stock.entries()) {
        assertClose(vectors[i]!, normalize(vector), { atol: 1e-5, rtol: 0 });
      }
    });
    await engine.close();

    await t.step("is what openai-node reads over HTTP, in base64", async () => {
      await using server = await startServer({
        env: { OLLM_RUNTIME__MODELS_DIR: dirname(model) },
      });
      const config = path("../conformance/deno.json");
      const print = path("../conformance/print_embeddings.ts");
      const { vectors: read, usage } = await runChild(
        ["--config", config, print, server.baseUrl, basename(model), ...TEXTS],
      ) as { vectors: number[][]; usage: { prompt_tokens: number } };
      assert.equal(usage.prompt_tokens, numPromptTokens);
      for (const [i, vector] of read.entries()) {
        assertClose(vector, vectors[i]!, { atol: 1e-5, rtol: 0 });
      }
    });
  });
}
