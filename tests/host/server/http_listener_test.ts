import assert from "node:assert/strict";
import { HttpListener } from "../../../server/http_listener.ts";

type Handler = (request: Request) => Response | Promise<Response>;

async function withListener(
  handle: Handler,
  use: (listener: HttpListener, port: number) => Promise<void>,
  maxConnections?: number,
): Promise<void> {
  const listener = await HttpListener.listen(
    { host: "127.0.0.1", port: 0 },
    handle,
    maxConnections,
  );
  try {
    await use(listener, Number(new URL(listener.url).port));
  } finally {
    await listener.close();
  }
}

/** What comes back for these bytes until the connection ends, or `until` is in it. */
async function exchange(port: number, text: string, until?: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let reply = "";
  for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
    reply += decoder.decode(buffer.subarray(0, n), { stream: true });
    if (until !== undefined && reply.includes(until)) break;
  }
  return reply;
}

const HOST = "Host: localhost\r\n";

Deno.test("HttpListener hands on method, URL, headers and body, and sends a reply with its length", async () => {
  await withListener(async (request) => {
    const { pathname, search } = new URL(request.url);
    const said = [request.method, pathname + search, request.headers.get("x-some")];
    return new Response(`${said.join(" ")} ${await request.text()}`, { status: 201 });
  }, async ({ url }) => {
    const init = { method: "POST", headers: { "x-some": "thing" }, body: "ä".repeat(100_000) };
    const response = await fetch(`${url}/a%20b?c=d`, init);
    assert.equal(response.status, 201);
    const expected = `POST /a%20b?c=d thing ${init.body}`;
    assert.equal(response.headers.get("content-length"), String(new Blob([expected]).size));
    assert.equal(await response.text(), expected);
  });
});

Deno.test("HttpListener answers requests that follow each other on one connection", async () => {
  await withListener((request) => new Response(request.url), async (_, port) => {
    const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\n${HOST}${more}\r\n`;
    const reply = await exchange(port, get("/one") + get("/two", "Connection: close\r\n"));
    assert.match(reply, /\/one.*\/two/s);
  });
});

Deno.test("HttpListener answers whatever a request expects, and asks for a body that waits", async () => {
  await withListener(async (request) => new Response(await request.text()), async (_, port) => {
    const post = (expect: string) =>
      `POST / HTTP/1.1\r\n${HOST}${expect}\r\nContent-Length: 2\r\n\r\n`;
    assert.match(
      await exchange(port, `${post("Expect: 200-ok")}hi`, "hi"),
      /^HTTP\/1.1 200 .*hi$/s,
    );
    assert.match(
      await exchange(port, post("Expect: 100-continue"), "100"),
      /^HTTP\/1.1 100 Continue/,
    );
  });
});

Deno.test("HttpListener joins two Host fields, so that both are seen", async () => {
  await withListener((request) => new Response(request.headers.get("host")), async (_, port) => {
    const reply = await exchange(port, `GET / HTTP/1.1\r\n${HOST}Host: evil\r\n\r\n`, "evil");
    assert.match(reply, /localhost, evil$/);
  });
});

for (const host of ["", "a b", "evil/x", "u@evil", "evil?x", "evil#x", "[::1"]) {
  Deno.test(`HttpListener lets Host change no path: ${JSON.stringify(host)}`, async () => {
    await withListener(
      (request) => new Response(new URL(request.url).pathname),
      async (_, port) => {
        const request = `GET /v1/path HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        assert.match(await exchange(port, request), /\n\/v1\/path$/);
      },
    );
  });
}

for (const path of ["/v1/models/..", "/v1/%2E%2e/x", "/./x", "/v1/models/.%2e?a=b", "/a\\..\\b"]) {
  Deno.test(`HttpListener knows no path with segments that lead elsewhere: ${path}`, async () => {
    await withListener(() => new Response("taken"), async (_, port) => {
      const request = `GET ${path} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
      assert.match(await exchange(port, request), /^HTTP\/1.1 404 /);
    });
  });
}

const BROKEN = [
  "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  "TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  "garbage\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
  "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
];
for (const text of BROKEN) {
  Deno.test(`HttpListener refuses ${JSON.stringify(text)}`, async () => {
    await withListener(() => new Response("taken"), async (_, port) => {
      assert.match(await exchange(port, text), /^HTTP\/1.1 400 /);
    });
  });
}

Deno.test("HttpListener sends an event stream as it comes, and tells its source that the client left", async () => {
  const { promise: isCancelled, resolve } = Promise.withResolvers<void>();
  const handle = () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("data: first\n\n")),
        cancel: () => resolve(),
      }),
      { headers: { "content-type": "text/event-stream" } },
    );
  await withListener(handle, async (listener, port) => {
    await exchange(port, `GET / HTTP/1.1\r\n${HOST}\r\n`, "first");
    await isCancelled;
    await listener.whenIdle();
    assert.equal(listener.numRequests, 0);
  });
});

Deno.test("HttpListener pulls no more of an event stream than its reader takes", async () => {
  let numPulled = 0;
  const chunk = new Uint8Array(1024 * 1024);
  const handle = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          numPulled++;
          controller.enqueue(chunk);
        },
      }, { highWaterMark: 0 }),
      { headers: { "content-type": "text/event-stream" } },
    );
  await withListener(handle, async (_, port) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(`GET / HTTP/1.1\r\n${HOST}\r\n`));
    await connection.read(new Uint8Array(16));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(numPulled < 64, `${numPulled} MiB`);
  });
});

Deno.test("HttpListener breaks off a stream that fails", async () => {
  const handle = () =>
    new Response(
      new ReadableStream({ pull: (controller) => controller.error(new Error("stalled")) }),
      { headers: { "content-type": "text/event-stream" } },
    );
  await withListener(handle, async ({ url }) => {
    await assert.rejects(fetch(url).then((response) => response.text()));
  });
});

Deno.test("HttpListener sends its refusal to a client that is still sending", async () => {
  await withListener(() => new Response("too large", { status: 413 }), async ({ url }) => {
    const response = await fetch(url, { method: "POST", body: new Uint8Array(50_000_000) });
    assert.equal(response.status, 413);
    assert.equal(await response.text(), "too large");
  });
});

Deno.test("HttpListener closes connections beyond its limit, and takes new ones when there is room", async () => {
  await withListener(() => new Response("hi"), async (_, port) => {
    const request = `GET / HTTP/1.1\r\n${HOST}\r\n`;
    const open = () => Deno.connect({ hostname: "127.0.0.1", port });
    const held = await Promise.all([open(), open()]);
    const refused = await exchange(port, request).catch(() => "");
    assert.equal(refused, "");
    for (const connection of held) connection.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.match(await exchange(port, request, "hi"), /hi$/);
  }, 2);
});

Deno.test("HttpListener.listen() says which port it cannot have, and why", async () => {
  const handle = () => new Response();
  await withListener(handle, async (_, port) => {
    await assert.rejects(HttpListener.listen({ host: "127.0.0.1", port }, handle), {
      name: "AddrInUse",
      message:
        `Cannot listen on 127.0.0.1:${port}: another program does; stop it or choose another --port`,
    });
  });
  await assert.rejects(HttpListener.listen({ host: "192.0.2.1", port: 0 }, handle), {
    name: "AddrNotAvailable",
    message: "Cannot listen on 192.0.2.1:0: no network of this machine has this address",
  });
});
