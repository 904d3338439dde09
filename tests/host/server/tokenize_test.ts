import assert from "node:assert/strict";
import { InvalidRequestError } from "../../../engine/mod.ts";
import { createTestApp } from "../../support/app.ts";

const HI = [{ role: "user", content: "Hi" }];

Deno.test("tokenize() gives the ids of a text and of a conversation", async () => {
  const { post } = createTestApp();
  const bodies = [
    { model: "ollm-tiny", prompt: "Hi" },
    { prompt: "Hi", add_special_tokens: true, model: null },
    { model: "ollm-tiny", messages: HI },
    { messages: HI, add_generation_prompt: true, add_special_tokens: false },
  ];
  for (const body of bodies) {
    const response = await post("/v1/tokenize", body);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {
      count: 2,
      max_model_len: 512,
      tokens: [72, 105],
      token_strs: null,
    });
  }
  assert.equal((await (await post("/v1/tokenize", { prompt: "" })).json()).count, 0);
});

Deno.test("tokenize() offers the tools to the template", async () => {
  const { post, engine } = createTestApp();
  const asked: unknown[] = [];
  engine.tokenize = (request) => {
    asked.push(request.tools);
    return Promise.resolve([]);
  };
  const tools = [{ type: "function", function: { name: "get_weather" } }, { type: "web_search" }];
  await post("/v1/tokenize", { messages: HI, tools });
  await post("/v1/tokenize", { messages: HI });
  assert.deepEqual(asked, [[{ name: "get_weather" }], undefined]);
});

Deno.test("tokenize() refuses ids that no request would have", async () => {
  const { post } = createTestApp();
  const cases: [Record<string, unknown>, string][] = [
    [{}, "prompt"],
    [{ prompt: "Hi", messages: HI }, "prompt"],
    [{ messages: [] }, "messages"],
    [{ prompt: "Hi", add_special_tokens: false }, "add_special_tokens"],
    [{ messages: HI, add_special_tokens: true }, "add_special_tokens"],
    [{ messages: HI, add_generation_prompt: false }, "add_generation_prompt"],
    [{ messages: HI, continue_final_message: true }, "continue_final_message"],
    [{ prompt: "Hi", return_token_strs: true }, "return_token_strs"],
  ];
  for (const [body, param] of cases) {
    const response = await post("/v1/tokenize", body);
    assert.equal(response.status, 400, JSON.stringify(body));
    assert.equal((await response.json()).error.param, param);
  }
});

Deno.test("detokenize() gives the text of ids", async () => {
  const { post } = createTestApp();
  const response = await post("/v1/detokenize", { model: "ollm-tiny", tokens: [72, 105] });
  assert.deepEqual(await response.json(), { prompt: "Hi" });
});

Deno.test("detokenize() refuses what is no token", async () => {
  const { post, engine } = createTestApp();
  for (const tokens of [undefined, "1", [1.5], [-1], ["a"]]) {
    const response = await post("/v1/detokenize", { model: "ollm-tiny", tokens });
    assert.equal(response.status, 400, JSON.stringify(tokens));
  }
  engine.detokenize = () => Promise.reject(new InvalidRequestError("tokens", "9 is no token"));
  const outside = await post("/v1/detokenize", { model: "ollm-tiny", tokens: [9] });
  assert.equal(outside.status, 400);
  assert.equal((await outside.json()).error.param, "tokens");
});

Deno.test("tokenize() and detokenize() answer 404 for a path", async () => {
  const { post } = createTestApp();
  assert.equal((await post("/v1/tokenize", { model: "/etc", prompt: "Hi" })).status, 404);
  assert.equal((await post("/v1/detokenize", { model: "../x", tokens: [] })).status, 404);
});
