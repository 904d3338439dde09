/**
 * What a server has confirmed survives its end: `kill -9` between any two of its events, and SIGTERM.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openResponseStore } from "../../../server/stores/open.ts";
import { createRandom } from "../../support/random.ts";
import { startStubServer } from "../../support/stub_server.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const NUM_ROUNDS = 50;
/** Streams that run at once in a round. */
const NUM_STREAMS = 4;
const SEED = 20;

interface ReceivedResponse {
  id: string;
  status: string;
}

Deno.test(`SqliteStore keeps every confirmed response through ${NUM_ROUNDS} kills (seed ${SEED})`, async () => {
  const storePath = `${makeTestDir()}/responses.sqlite`;
  const random = createRandom(SEED);
  const confirmed = new Map<string, ReceivedResponse>();
  let numCut = 0;
  for (let round = 0; round < NUM_ROUNDS; round++) {
    const server = await startStubServer({ stub: { pauseMs: 1 }, storePath });
    try {
      await assertAllThere(server.baseUrl, confirmed);
      // Each round is killed a little later in its events than some other one.
      const killAfter = Math.floor(random() * NUM_STREAMS * 12);
      numCut += await runUntilKilled(server, { killAfter, confirmed });
    } finally {
      await server.kill().catch(() => {}); // it may be dead already
    }
  }
  const server = await startStubServer({ stub: {}, storePath });
  await assertAllThere(server.baseUrl, confirmed);
  await server.kill();
  assert.equal(checkIntegrity(storePath), "ok");
  assert.ok(confirmed.size >= NUM_ROUNDS, `only ${confirmed.size} responses were confirmed`);
  assert.ok(numCut >= NUM_ROUNDS, `only ${numCut} streams were cut`);
});

Deno.test("serve() stores how a background response ended that SIGTERM cut off", async () => {
  const storePath = `${makeTestDir()}/responses.sqlite`;
  const server = await startStubServer({ stub: { hangs: true }, storePath });
  const { id } = await (await post(server.baseUrl, { input: "Hi", background: true })).json();
  assert.equal(await server.stop(), 0);
  const store = openResponseStore({ backend: "sqlite", path: storePath })!;
  const { status, error } = (await store.getResponse(id))!;
  store.close();
  assert.equal(status, "failed");
  assert.match(error!.message, /shutting down/);
});

interface RoundOptions {
  /** Events of all streams together before the server dies. */
  killAfter: number;
  /** Takes every response whose last event, or 200, was received. */
  confirmed: Map<string, ReceivedResponse>;
}

/** @returns how many streams the kill has cut */
async function runUntilKilled(
  server: { baseUrl: string; kill(): Promise<void> },
  { killAfter, confirmed }: RoundOptions,
): Promise<number> {
  let numEvents = 0;
  let killed: Promise<void> | undefined;
  const previous = [...confirmed.keys()].at(-1);
  const whole = await post(server.baseUrl, { input: "Hi" });
  const response: ReceivedResponse = await whole.json();
  confirmed.set(response.id, response);
  const streams = Array.from({ length: NUM_STREAMS }, async (_, i) => {
    const chained = i === 0 && previous ? { previous_response_id: previous } : {};
    try {
      const reply = await post(server.baseUrl, { input: "Hi", stream: true, ...chained });
      for await (const event of readEvents(reply)) {
        if (event.type === "response.completed") confirmed.set(event.response.id, event.response);
        if (++numEvents === killAfter + 1) killed ??= server.kill();
      }
      return 0;
    } catch (error) {
      if (killed && error instanceof TypeError) return 1; // the connection is gone
      throw error;
    }
  });
  const numCut = (await Promise.all(streams)).reduce<number>((sum, n) => sum + n, 0);
  await killed;
  return numCut;
}

function post(baseUrl: string, body: Record<string, unknown>): Promise<Response> {
  return fetch(`${baseUrl}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "ollm-tiny", ...body }),
  });
}

/** Whole events only: the last one may be torn. */
async function* readEvents(reply: Response) {
  let text = "";
  for await (const piece of reply.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const data = text.slice(0, end).split("\n").find((line) => line.startsWith("data: "));
      text = text.slice(end + 2);
      yield JSON.parse(data!.slice("data: ".length));
    }
  }
}

async function assertAllThere(
  baseUrl: string,
  confirmed: Map<string, ReceivedResponse>,
): Promise<void> {
  for (const [id, received] of confirmed) {
    const reply = await fetch(`${baseUrl}/responses/${id}`);
    assert.deepEqual(await reply.json(), received);
  }
}

function checkIntegrity(path: string): unknown {
  const database = new DatabaseSync(path);
  try {
    return database.prepare("PRAGMA integrity_check").get()!.integrity_check;
  } finally {
    database.close();
  }
}
