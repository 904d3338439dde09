/**
 * The server as a process: sockets that close, and signals.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { StubOptions } from "../../support/stub_engine.ts";

interface StubServer {
  url: string;
  process: Deno.ChildProcess;
}

/** Starts a server whose engine is a stub, runs `use`, and makes sure that it is gone. */
async function withServer(
  { stub = {}, graceMs = 5000 }: { stub?: StubOptions; graceMs?: number },
  use: (server: StubServer) => Promise<void>,
): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const script = new URL("../../support/serve_stub.ts", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, String(port), String(graceMs), JSON.stringify(stub)],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  let hasEnded = false;
  process.status.then(() => hasEnded = true);
  try {
    const url = `http://127.0.0.1:${port}`;
    await waitUntil(() => fetch(`${url}/v1/health`).then((r) => r.text(), () => null));
    await use({ url, process });
  } finally {
    if (!hasEnded) process.kill("SIGKILL");
    await process.status;
  }
}

async function waitUntil(isTrue: () => Promise<unknown>, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!await isTrue()) {
    if (performance.now() > deadline) throw new Error(`Nothing after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function postChat(url: string, change: Record<string, unknown>, signal?: AbortSignal) {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "ollm-tiny",
      messages: [{ role: "user", content: "Hi" }],
      ...change,
    }),
    ...(signal ? { signal } : {}),
  });
}

async function readCounters(
  url: string,
): Promise<{ num_running: number; num_cancelled_total: number }> {
  return (await (await fetch(`${url}/v1/ollm/stats`)).json()).models[0];
}

// Longer ones come in several pieces, after which a server may no longer look at the socket.
const CLIENT_THAT_LEAVES = [true, false].flatMap((stream) =>
  ["Hi", "word ".repeat(200), "word ".repeat(20_000)].map((content) => ({ stream, content }))
);
for (const { stream, content } of CLIENT_THAT_LEAVES) {
  const name = `stream: ${stream}, ${content.length} characters`;
  Deno.test(`serve() cancels when the socket closes (${name})`, async () => {
    await withServer({ stub: { hangs: true } }, async ({ url }) => {
      const client = new AbortController();
      const messages = [{ role: "user", content }];
      const request = postChat(url, { stream, messages }, client.signal).then((r) => r.text());
      request.catch(() => {}); // it is about to be aborted
      await waitUntil(async () => (await readCounters(url)).num_running === 1);
      client.abort();
      await waitUntil(async () => (await readCounters(url)).num_cancelled_total === 1, 1000);
      assert.equal((await readCounters(url)).num_running, 0);
    });
  });
}

Deno.test("serve() ends with 0 on SIGTERM when nothing runs", async () => {
  await withServer({}, async ({ process }) => {
    process.kill("SIGTERM");
    assert.equal((await process.status).code, 0);
  });
});

Deno.test("serve() lets running requests end within the grace and refuses new ones", async () => {
  await withServer({ stub: { hangs: true }, graceMs: 400 }, async ({ url, process }) => {
    const response = await postChat(url, { stream: true });
    const startedAt = performance.now();
    process.kill("SIGTERM");
    await waitUntil(async () => {
      const refused = await fetch(`${url}/v1/health`);
      await refused.body?.cancel();
      return refused.status === 503;
    }, 1000);
    const text = await response.text();
    assert.match(text, /"code":"server_shutting_down"/);
    assert.ok(!text.includes("[DONE]"));
    assert.equal((await process.status).code, 0);
    const ms = performance.now() - startedAt;
    assert.ok(ms > 350 && ms < 2400, `${ms} ms`);
  });
});

Deno.test("serve() ends at once on a second signal", async () => {
  await withServer({ stub: { hangs: true }, graceMs: 30_000 }, async ({ url, process }) => {
    const response = await postChat(url, { stream: true });
    const startedAt = performance.now();
    process.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill("SIGINT");
    await process.status;
    assert.ok(performance.now() - startedAt < 1500);
    await response.text().catch(() => {}); // cut or ended with an error frame
  });
});
