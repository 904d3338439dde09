/**
 * Random requests and broken bytes over real sockets, to the real server with the embedded model.
 *
 * `OLLM_FUZZ_SOCKET_REQUESTS` sets how many; `tests/support/fuzz/run.ts` has the seed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createTestApp } from "../support/app.ts";
import { createChoose } from "../support/fuzz/choose.ts";
import { damageHead, exchange, writeRequest } from "../support/fuzz/raw_http.ts";
import { createFuzzRequest } from "../support/fuzz/requests.ts";
import { runFuzz } from "../support/fuzz/run.ts";
import { listRoutes } from "../support/routes.ts";
import { startServer } from "../support/server_process.ts";

const NUM_REQUESTS = Number(Deno.env.get("OLLM_FUZZ_SOCKET_REQUESTS") ?? 2_000);
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** A request may ask for as many tokens as the context holds; on a busy machine they take a while. */
const HANG_MS = 15_000;

const ENV = {
  OLLM_SERVER__RESPONSE_STORE_BACKEND: "memory",
  OLLM_GENERATION__MAX_NEW_TOKENS: "4",
};

Deno.test(`serve() answers ${NUM_REQUESTS} random requests over sockets`, async () => {
  await using server = await startServer({ env: ENV });
  const { host, port } = new URL(server.baseUrl);
  const routes = listRoutes(createTestApp().app);
  const numByStatus = await runFuzz({
    numRequests: NUM_REQUESTS,
    routes,
    host,
    tooLarge: MAX_BODY_BYTES,
    hangMs: HANG_MS,
    send: async (request, leaves) => {
      const reply = await exchange(Number(port), writeRequest(request), { leaves });
      // The HTTP library closes, or says 400 alone, where the app is never asked.
      if (reply === null || reply.status === 400 && reply.text === "") return null;
      return { ...reply, path: request.target.split("?")[0]! };
    },
  });
  assert.ok(numByStatus["200"]! > NUM_REQUESTS / 10, "too few requests got through");
  await assertIdle(server.baseUrl);
});

Deno.test("serve() lives on after broken heads, and closes their connections", async () => {
  await using server = await startServer({ env: ENV });
  const { host, port } = new URL(server.baseUrl);
  const choose = createChoose(2);
  const routes = listRoutes(createTestApp().app);
  const numByStatus: Record<string, number> = {};
  for (let i = 0; i < 300; i++) {
    const request = createFuzzRequest({ routes, choose, host, ids: [], tooLarge: 1000 });
    const bytes = damageHead(writeRequest(request), choose);
    const status = (await exchange(Number(port), bytes, { ends: true }))?.status ?? "closed";
    numByStatus[status] = (numByStatus[status] ?? 0) + 1;
  }
  console.log(JSON.stringify(numByStatus));
  assert.deepEqual(Object.keys(numByStatus).filter((status) => Number(status) >= 500), []);
  await assertIdle(server.baseUrl);
});

/** Nothing runs any more, and the engine was never restarted. */
async function assertIdle(baseUrl: string): Promise<void> {
  for (let i = 0;; i++) {
    const { models } = await (await fetch(`${baseUrl}/ollm/stats`)).json();
    const { num_running, num_waiting, num_restarts_total } = models[0];
    assert.equal(num_restarts_total, 0);
    if (num_running === 0 && num_waiting === 0) return;
    assert.ok(i < 50, "a sequence is left over");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
