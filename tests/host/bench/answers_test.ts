import assert from "node:assert/strict";
import { computeAnswerRates, formatAnswers } from "../../../bench/answers.ts";
import { ask, computeRate, type Route, ROUTES } from "../../../bench/http_routes.ts";
import { listGoals } from "../../../bench/peers/goals.ts";
import type { AnswerPair } from "../../../bench/served.ts";
import { createTestApp } from "../../support/app.ts";

const QUESTION = { model: "ollm-tiny", prompt: "Hi", maxTokens: 8, bannedTokens: [0, 2] };

/** The engine answers 101 tokens in a second behind the first, HTTP is slower by its share. */
function pair(route: Route, sharePercent: number): AnswerPair {
  const answer = (ms: number) => ({ numTokens: 101, firstMs: 10, totalMs: 10 + ms });
  return { route, engine: answer(1000), http: answer(1000 * 100 / sharePercent) };
}

Deno.test("computeRate() counts a stream from its first token on, and a whole answer from the request on", () => {
  const answer = { numTokens: 11, firstMs: 500, totalMs: 1000 };
  assert.equal(computeRate(answer, true), 20);
  assert.equal(computeRate(answer, false), 11);
});

Deno.test("computeAnswerRates() compares the answers of one route side by side", () => {
  const [stream, other] = ROUTES as [Route, Route];
  const pairs = [pair(stream, 50), pair(other, 10), pair(stream, 80)];
  const { engine, sharePercent } = computeAnswerRates(pairs, stream);
  assert.deepEqual(engine, [100, 100]);
  assert.deepEqual(sharePercent.map(Math.round), [50, 80]);
});

Deno.test("formatAnswers() has a row for each route and checkout", () => {
  const [stream] = ROUTES as [Route];
  const text = formatAnswers(
    [{ mark: "", pairs: [pair(stream, 50)] }, { mark: " (against)", pairs: [pair(stream, 80)] }],
    [stream],
  );
  assert.match(text, /\| chat completions, stream \| 100 \| 50 \| 50 % \| 10 \|/);
  assert.match(text, /\| chat completions, stream \(against\) \| 100 \| 80 \| 80 % \|/);
});

Deno.test("goals hold each route's share of the engine's rate against 90 %", () => {
  const answers = ROUTES.map((route) => pair(route, route.isStream ? 95 : 85));
  const model = { engines: [], serving: [], answers, loads: [], startMs: [] };
  const goals = listGoals([{ name: "ollm-tiny", ...model }]);
  const shares = goals.filter(({ what }) => what.includes("share of the engine's own"));
  assert.equal(shares.length, ROUTES.length);
  assert.equal(Math.round(shares[0]!.value!), 95);
  const engine = goals.find(({ what }) => what === "ollm-tiny: decode, the engine");
  assert.equal(engine!.value, 100);
});

for (const route of ROUTES) {
  Deno.test(`ask() reads an answer of ${route.name}`, async () => {
    const { engine, app } = createTestApp({ pieces: ["a", "b", "c"], pauseMs: 10 });
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      (request) => app.fetch(request),
    );
    const answer = await ask(`http://127.0.0.1:${server.addr.port}`, route, QUESTION);
    assert.equal(answer.numTokens, 3);
    assert.equal(answer.firstMs < answer.totalMs, route.isStream);
    const [request] = engine.requests;
    assert.equal(request!.maxTokens, 8);
    assert.deepEqual(request!.sampling!.logitBias, { 0: -100, 2: -100 });
  });
}
