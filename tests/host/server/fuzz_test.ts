/**
 * Random requests to every route of the app: whatever comes, the answer is sound and comes at once.
 *
 * `OLLM_FUZZ_REQUESTS` sets how many; `tests/support/fuzz/run.ts` has the seed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openResponseStore } from "../../../server/stores/open.ts";
import { createTestApp, type TestApp } from "../../support/app.ts";
import type { FuzzReply } from "../../support/fuzz/check_reply.ts";
import type { FuzzRequest } from "../../support/fuzz/requests.ts";
import { runFuzz } from "../../support/fuzz/run.ts";
import { listRoutes } from "../../support/routes.ts";
import type { StubOptions } from "../../support/stub_engine.ts";

const NUM_REQUESTS = Number(Deno.env.get("OLLM_FUZZ_REQUESTS") ?? 20_000);
const HOST = "localhost:8000";
const MAX_BODY_BYTES = 64 * 1024;

/** Says something, and thinks and calls a function where one is offered. */
const STUB: StubOptions = {
  script: ({ tools = [], sampling }) => {
    const logprob = { id: 1, token: "M", bytes: [77], logprob: -0.5, alternatives: [] };
    const text = { type: "text" as const, text: 'Mercury,\n"Venus"\u2028' };
    const said = sampling?.logprobs === undefined ? text : { ...text, logprobs: [logprob] };
    if (tools.length === 0) return [said];
    return [
      { type: "reasoning", text: "Hm." },
      { type: "tool_call", index: 0, name: tools[0]!.name },
      { type: "tool_call_arguments", index: 0, text: '{"city":"Paris"}' },
      said,
    ];
  },
};

for (const [backend, share] of [["memory", 0.8], ["none", 0.2]] as const) {
  const numRequests = Math.ceil(NUM_REQUESTS * share);
  Deno.test(`createApp() answers ${numRequests} random requests, store ${backend}`, async () => {
    const responseStore = openResponseStore({ backend, path: "" });
    const { app, engine } = createTestApp(STUB, {
      port: 8000,
      responseStore,
      limits: { maxBodyBytes: MAX_BODY_BYTES },
    });
    const numByStatus = await runFuzz({
      numRequests,
      routes: listRoutes(app),
      host: HOST,
      tooLarge: MAX_BODY_BYTES,
      hangMs: 2_000,
      send: (request, leaves) => send(app, request, leaves),
    });
    responseStore?.close();
    assert.ok(numByStatus["200"]! > numRequests / 10, "too few requests got through");
    assert.equal(engine.numRunning, 0);
  });
}

async function send(
  app: TestApp["app"],
  { method, target, headers, body }: FuzzRequest,
  leaves: boolean,
): Promise<FuzzReply> {
  const request = new Request(`http://${HOST}${target}`, { method, headers, body });
  const response = await app.fetch(request);
  return {
    path: new URL(request.url).pathname,
    status: response.status,
    contentType: response.headers.get("content-type") ?? "",
    text: leaves ? await readStart(response) : await response.text(),
  };
}

async function readStart(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  return "";
}
