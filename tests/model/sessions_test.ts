/**
 * Sessions on the embedded model: the beginning of the transcript is not computed again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createEngine } from "../../engine/mod.ts";
import { createApp } from "../../server/app.ts";

type Post = (path: string, body: unknown) => Promise<Record<string, unknown>>;

/** An app on an engine of its own, so that nothing is in its prefix cache yet. */
async function withApp(use: (post: Post) => Promise<void>): Promise<void> {
  const engine = createEngine();
  const app = createApp({
    engine,
    version: "1.2.3",
    defaults: { model: "ollm-tiny", modelsDir: "models", sampling: { temperature: 0 } },
  });
  try {
    await use(async (path, body) => {
      const response = await app.fetch(
        new Request(`http://localhost${path}`, {
          method: "POST",
          headers: { host: "localhost", "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      );
      assert.equal(response.status, 200);
      return await response.json();
    });
  } finally {
    await engine.close();
  }
}

Deno.test("promptSession() finds the transcript in the prefix cache and answers as a fresh run", async () => {
  const prompts = ["List three planets", "What is the capital of France?"];
  const texts: string[] = [];
  await withApp(async (post) => {
    const { session_id: id } = await post("/v1/sessions", { generation: { max_new_tokens: 24 } });
    const counts = [];
    for (const prompt of prompts) {
      const { text, metadata } = await post(`/v1/sessions/${id}/prompt`, { prompt });
      texts.push(String(text));
      counts.push(metadata as Record<string, string>);
    }
    const [first, second] = counts;
    const numFirst = Number(first!.prompt_tokens) + Number(first!.completion_tokens);
    const numCached = Number(second!.cached_tokens);
    // Whole blocks only, and the reply's last token was never computed.
    assert.ok(
      numCached > numFirst - 2 * 16 && numCached <= numFirst,
      `${numCached} of ${numFirst}`,
    );
  });
  await withApp(async (post) => {
    const { choices } = await post("/v1/chat/completions", {
      model: "ollm-tiny",
      max_tokens: 24,
      messages: [
        { role: "system", content: "You are a helpful assistant." },
        { role: "user", content: prompts[0] },
        { role: "assistant", content: texts[0] },
        { role: "user", content: prompts[1] },
      ],
    });
    const [choice] = choices as { message: { content: string } }[];
    assert.equal(texts[1], choice!.message.content);
  });
});
