import assert from "node:assert/strict";
import { basename } from "node:path";
import { createEngine, type Engine, type Usage } from "../../engine/mod.ts";
import { librariesFor, openRandomPackage } from "./libraries.ts";

const NUM_TOKENS = 6;
/** Letters are tokens: beginnings of one length each, none of which is another's. */
const PROMPTS = ["Name three planets", "What is 2 plus 3?", "x", "Tell me of the sea and its fish"];
/** Two blocks and a part of a third; longer ones take minutes on a CPU. */
const LONG = "The quick brown fox jumps over the lazy dog.";

interface Answer {
  /** Ids of the generated tokens. */
  tokens: number[];
  usage: Usage;
}

async function generate(engine: Engine, model: string, prompt: string): Promise<Answer> {
  const generation = await engine.generate({
    model,
    prompt,
    maxTokens: NUM_TOKENS,
    ignoreEos: true,
    sampling: { temperature: 0, logprobs: 1 },
  });
  const tokens: number[] = [];
  for await (const event of generation) {
    if (event.type === "text") tokens.push(...(event.logprobs ?? []).map(({ id }) => id));
    if (event.type === "finish") return { tokens, usage: event.usage };
  }
  throw new Error("The generation has no end");
}

for (const known of await librariesFor("generate")) {
  Deno.test(`createEngine() with ${basename(known.path)}`, async (t) => {
    const { dir: model } = await openRandomPackage(known);
    const engine = createEngine({
      backend: "web-llm",
      library: known.path,
      contextLength: 256,
      maxSequences: 4,
    });
    const alone: Answer[] = [];

    await t.step("answers", async () => {
      for (const prompt of PROMPTS) alone.push(await generate(engine, model, prompt));
      assert.deepEqual(alone.map(({ tokens }) => tokens.length), PROMPTS.map(() => NUM_TOKENS));
    });

    await t.step("gives four streams at once the tokens that each gets alone", async () => {
      const together = await Promise.all(PROMPTS.map((prompt) => generate(engine, model, prompt)));
      assert.deepEqual(together.map(({ tokens }) => tokens), alone.map(({ tokens }) => tokens));
    });

    await t.step("gives the same tokens behind a prefix that was computed before", async () => {
      const first = await generate(engine, model, LONG);
      const again = await generate(engine, model, LONG);
      assert.equal(first.usage.numCachedTokens, 0);
      assert.equal(again.usage.numCachedTokens, 32);
      assert.deepEqual(again.tokens, first.tokens);
      // Beside others, and behind a part of it only.
      const half = LONG.slice(0, 20) + " dog then?";
      const [part, other] = await Promise.all([
        generate(engine, model, half),
        generate(engine, model, PROMPTS[0]!),
      ]);
      assert.equal(part!.usage.numCachedTokens, 16);
      assert.deepEqual(other!.tokens, alone[0]!.tokens);
      assert.deepEqual((await generate(engine, model, half)).tokens, part!.tokens);
    });

    await t.step("frees the blocks of a stream that is cancelled", async () => {
      const generation = await engine.generate({
        model,
        prompt: PROMPTS[0]!,
        maxTokens: 200,
        ignoreEos: true,
      });
      for await (const event of generation) if (event.type === "text") break;
      const again = await generate(engine, model, PROMPTS[0]!);
      assert.deepEqual(again.tokens, alone[0]!.tokens);
      const [stats] = await engine.stats();
      assert.equal(stats!.numFreeBlocks, stats!.numBlocks);
      assert.equal(stats!.numCancelledTotal, 1);
    });

    await engine.close();
  });
}
