import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { Item, MessageItem } from "../../../server/openai/responses/items.ts";
import type { ResponseObject } from "../../../server/openai/responses/response.ts";
import { ItemRing } from "../../../server/stores/item_ring.ts";
import { openResponseStore } from "../../../server/stores/open.ts";
import {
  DEFAULT_STORE_LIMITS,
  type StoredItem,
  StoreError,
  type StoreLimits,
  StoreOpenError,
} from "../../../server/stores/response_store.ts";
import { openDatabase } from "../../../server/stores/sqlite_database.ts";
import { SqliteStore } from "../../../server/stores/sqlite_store.ts";
import { makeTestDir } from "../../support/test_dir.ts";

function message(id: string, text = id): MessageItem {
  return {
    id,
    type: "message",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text, annotations: [] }],
  };
}

/** A finished response that answers with one message, `msg_<id>`. */
function response(id: string, change: Partial<ResponseObject> = {}): ResponseObject {
  return {
    id,
    object: "response",
    created_at: 1,
    status: "completed",
    output: [message(`msg_${id}`)],
    ...change,
  } as ResponseObject;
}

const toStored = (...items: Item[]): StoredItem[] => items.map((item) => ({ item }));
const idsOf = (items: StoredItem[] | undefined) => items?.map(({ item }) => item.id);

interface TestStoreOptions extends Partial<StoreLimits> {
  path?: string;
  now?: () => number;
}

function createStore({ path = ":memory:", now, ...limits }: TestStoreOptions = {}): SqliteStore {
  return new SqliteStore(openDatabase(path), {
    limits: { ...DEFAULT_STORE_LIMITS, ...limits },
    ...(now ? { now } : {}),
  });
}

Deno.test("SqliteStore returns a response as it was put, and undefined for an unknown one", async () => {
  const store = createStore();
  const put = response("a", { metadata: { topic: "planets – ✓" } });
  await store.putResponse({ response: put, input: toStored(message("in")) });
  assert.deepEqual(await store.getResponse("a"), put);
  assert.deepEqual(idsOf(await store.getResponseItems("a")), ["in", "msg_a"]);
  assert.equal(await store.getResponse("b"), undefined);
  assert.equal(await store.getResponseItems("b"), undefined);
  assert.equal(await store.getEvents("a"), undefined);
  store.close();
});

Deno.test("SqliteStore keeps what it promised after it was opened again", async () => {
  const dir = makeTestDir();
  const path = `${dir}/data/responses.sqlite`;
  const first = createStore({ path });
  await first.putResponse({ response: response("a"), input: [] });
  first.close();
  const second = createStore({ path });
  assert.deepEqual(await second.getResponse("a"), response("a"));
  second.close();
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  assert.equal(Deno.statSync(`${dir}/data`).mode! & 0o777, 0o700);
});

Deno.test("SqliteStore.deleteResponse() does not break later responses of the chain", async () => {
  const store = createStore();
  await store.putResponse({ response: response("a"), input: toStored(message("in_a")) });
  const history = await store.getResponseItems("a");
  assert.equal(await store.deleteResponse("a"), true);
  assert.equal(await store.deleteResponse("a"), false);
  // The first response went while the second one was made.
  const input = [...history!, ...toStored(message("in_b"))];
  await store.putResponse({ response: response("b"), input });
  assert.deepEqual(idsOf(await store.getResponseItems("b")), ["in_a", "msg_a", "in_b", "msg_b"]);
  store.close();
});

Deno.test("SqliteStore shares items in a chain and frees them with their last record", async () => {
  const dir = makeTestDir();
  const path = `${dir}/r.sqlite`;
  const store = createStore({ path });
  let history: StoredItem[] = [];
  for (const id of ["a", "b", "c", "d"]) {
    const input = [...history, ...toStored(message(`in_${id}`))];
    await store.putResponse({ response: response(id), input });
    history = (await store.getResponseItems(id))!;
  }
  assert.equal(history.length, 8);
  await store.deleteResponse("b");
  assert.deepEqual(idsOf(await store.getResponseItems("d")), [
    ...["in_a", "msg_a", "in_b", "msg_b", "in_c", "msg_c", "in_d", "msg_d"],
  ]);
  for (const id of ["a", "c"]) await store.deleteResponse(id);
  store.close();
  assert.equal(countRows(path, "item"), 8);
  const again = createStore({ path });
  await again.deleteResponse("d");
  again.close();
  assert.equal(countRows(path, "item"), 0);
  assert.equal(countRows(path, "record_item"), 0);
});

function countRows(path: string, table: "item" | "record" | "record_item"): number {
  const database = new DatabaseSync(path);
  try {
    return Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n);
  } finally {
    database.close();
  }
}

Deno.test("SqliteStore evicts the oldest records beyond its number", async () => {
  const store = createStore({ maxRecords: 2 });
  for (const id of ["a", "b", "c"]) {
    await store.putResponse({ response: response(id), input: [] });
  }
  assert.equal(await store.getResponse("a"), undefined);
  assert.equal(await store.findItem("msg_a"), undefined);
  assert.equal((await store.getResponse("b"))!.id, "b");
  store.close();
});

Deno.test("SqliteStore evicts the oldest records beyond its size, shared items counted once", async () => {
  const big = message("in", "x".repeat(4000));
  const store = createStore({ maxBytes: 6000 });
  await store.putResponse({ response: response("a"), input: toStored(big) });
  const [shared] = (await store.getResponseItems("a"))!;
  await store.putResponse({ response: response("b"), input: [shared!] });
  assert.ok(await store.getResponse("a"));
  await store.putResponse({
    response: response("c"),
    input: toStored(message("2", "y".repeat(3500))),
  });
  assert.equal(await store.getResponse("a"), undefined);
  store.close();
});

Deno.test("SqliteStore refuses what is larger than the whole store, and keeps the rest", async () => {
  const store = createStore({ maxBytes: 2000 });
  await store.putResponse({ response: response("a"), input: [] });
  const input = toStored(message("in", "x".repeat(3000)));
  await assert.rejects(() => store.putResponse({ response: response("b"), input }), StoreError);
  assert.ok(await store.getResponse("a"));
  assert.equal(await store.getResponse("b"), undefined);
  store.close();
});

Deno.test("SqliteStore forgets responses by age, before and after it tidies up", async () => {
  let now = 1_000_000;
  const store = createStore({ maxAgeMs: 1000, now: () => now });
  await store.putResponse({ response: response("a"), input: [] });
  now += 1000;
  assert.ok(await store.getResponse("a"));
  now += 1;
  assert.equal(await store.getResponse("a"), undefined);
  assert.equal(await store.deleteResponse("a"), false);
  await store.putResponse({ response: response("b"), input: [] });
  assert.equal(await store.findItem("msg_a"), undefined);
  store.close();
});

Deno.test("SqliteStore.finishResponse() replaces a response once, unless it was deleted", async () => {
  const store = createStore();
  const queued = response("a", { status: "queued", output: [] });
  const events = [{ type: "keepalive" as const, sequence_number: 0 }];
  await store.putResponse({ response: queued, input: toStored(message("in")) });
  assert.equal(await store.finishResponse({ response: response("a") }, events), true);
  assert.deepEqual(await store.getResponse("a"), response("a"));
  assert.deepEqual(await store.getEvents("a"), events);
  assert.deepEqual(idsOf(await store.getResponseItems("a")), ["in", "msg_a"]);
  await store.deleteResponse("a");
  assert.equal(await store.finishResponse({ response: response("a") }, events), false);
  assert.equal(await store.getResponse("a"), undefined);
  store.close();
});

Deno.test("SqliteStore marks responses failed that a crash left unfinished", async () => {
  const dir = makeTestDir();
  const path = `${dir}/r.sqlite`;
  const first = createStore({ path });
  await first.putResponse({
    response: response("a", { status: "queued", output: [] }),
    input: [],
  });
  await first.putResponse({ response: response("b"), input: [] });
  first.close();
  const second = createStore({ path });
  const { status, error } = (await second.getResponse("a"))!;
  assert.equal(status, "failed");
  assert.match(error!.message, /restarted/);
  assert.equal((await second.getResponse("b"))!.status, "completed");
  second.close();
});

Deno.test("SqliteStore pages input items in both directions", async () => {
  const store = createStore();
  const input = toStored(...["1", "2", "3", "4", "5"].map((id) => message(id)));
  await store.putResponse({ response: response("a"), input });
  const page = async (limit: number, order: "asc" | "desc", after?: string) => {
    const found = await store.pageInputItems("a", { limit, order, after });
    return found && [found.items.map(({ id }) => id).join(""), found.hasMore];
  };
  assert.deepEqual(await page(2, "asc"), ["12", true]);
  assert.deepEqual(await page(2, "asc", "2"), ["34", true]);
  assert.deepEqual(await page(2, "asc", "4"), ["5", false]);
  assert.deepEqual(await page(3, "desc"), ["543", true]);
  assert.deepEqual(await page(3, "desc", "3"), ["21", false]);
  assert.deepEqual(await page(5, "asc"), ["12345", false]);
  assert.equal(await page(5, "asc", "9"), undefined);
  assert.equal(await page(5, "asc", "msg_a_"), undefined);
  store.close();
});

Deno.test("SqliteStore grows a conversation with the response, or neither", async () => {
  const store = createStore();
  const conversation = {
    id: "conv_1",
    object: "conversation" as const,
    created_at: 1,
    metadata: {},
  };
  await store.putConversation(conversation, toStored(message("1")));
  const input = toStored(message("2"));
  const growth = { conversationId: "conv_1", input };
  await store.putResponse({ response: response("a"), input, growth });
  assert.deepEqual(idsOf(await store.getConversationItems("conv_1")), ["1", "2", "msg_a"]);
  assert.equal(await store.deleteConversationItem("conv_1", "2"), true);
  assert.equal(await store.deleteConversationItem("conv_1", "2"), false);
  assert.deepEqual(idsOf(await store.getConversationItems("conv_1")), ["1", "msg_a"]);
  assert.deepEqual(idsOf(await store.getResponseItems("a")), ["2", "msg_a"]);
  await store.deleteConversation("conv_1");
  await assert.rejects(
    () => store.putResponse({ response: response("b"), input, growth }),
    /was deleted meanwhile/,
  );
  assert.equal(await store.getResponse("b"), undefined);
  store.close();
});

Deno.test("SqliteStore tells a response's id from a conversation's", async () => {
  const store = createStore();
  await store.putResponse({ response: response("a"), input: [] });
  assert.equal(await store.getConversation("a"), undefined);
  assert.equal(await store.deleteConversation("a"), false);
  store.close();
});

Deno.test("SqliteStore says that the disk is full, keeps reading, and recovers", async () => {
  const dir = makeTestDir();
  const path = `${dir}/r.sqlite`;
  const store = createStore({ path });
  await store.putResponse({ response: response("a"), input: [] });
  store.close();
  const database = openDatabase(path);
  database.exec("PRAGMA max_page_count = 20");
  const limited = new SqliteStore(database, { limits: DEFAULT_STORE_LIMITS });
  const input = toStored(message("in", "x".repeat(200_000)));
  await assert.rejects(
    () => limited.putResponse({ response: response("b"), input }),
    /^StoreError: The response store failed: the disk is full$/,
  );
  assert.equal(await limited.getResponse("b"), undefined);
  assert.ok(await limited.getResponse("a"));
  await limited.putResponse({ response: response("c"), input: [] });
  limited.close();
  const again = createStore({ path });
  assert.equal(await again.getResponse("b"), undefined);
  assert.ok(await again.getResponse("c"));
  again.close();
});

Deno.test("SqliteStore refuses files that are not its own, newer, or in use", async () => {
  const dir = makeTestDir();
  const text = `${dir}/text`;
  await Deno.writeTextFile(text, "This is a letter, not a database. ".repeat(40));
  assert.throws(() => createStore({ path: text }), /it is not a database/);

  const foreign = new DatabaseSync(`${dir}/foreign`);
  foreign.exec("CREATE TABLE mail (id INTEGER)");
  foreign.close();
  assert.throws(() => createStore({ path: `${dir}/foreign` }), /another program wrote it/);

  createStore({ path: `${dir}/newer` }).close();
  const newer = new DatabaseSync(`${dir}/newer`);
  newer.exec("PRAGMA user_version = 2");
  newer.close();
  assert.throws(() => createStore({ path: `${dir}/newer` }), /schema version 2/);

  const open = createStore({ path: `${dir}/open` });
  assert.throws(() => createStore({ path: `${dir}/open` }), /another process uses it/);
  open.close();

  assert.throws(() => createStore({ path: `${text}/below` }), StoreOpenError);
});

Deno.test("openResponseStore() opens what the settings name", () => {
  assert.equal(openResponseStore({ backend: "none", path: "/nowhere/x" }), null);
  openResponseStore({ backend: "memory", path: "/nowhere/x" })!.close();
});

Deno.test("ItemRing finds recent items and forgets the oldest beyond its bounds", () => {
  const ring = new ItemRing({ maxItems: 2 });
  ring.add([message("a"), message("b")]);
  ring.add([message("a", "again"), message("c")]);
  assert.equal(ring.find("b"), undefined);
  assert.deepEqual(ring.find("a"), message("a", "again"));
  const small = new ItemRing({ maxChars: 300 });
  small.add([message("a"), message("b"), message("c")]);
  assert.equal(small.find("a"), undefined);
  assert.ok(small.find("c"));
});

Deno.test("openResponseStore() names a file that is damaged further inside", () => {
  const path = `${makeTestDir()}/store.sqlite`;
  openResponseStore({ backend: "sqlite", path })!.close();
  const bytes = Deno.readFileSync(path);
  bytes.fill(0xa5, 4096);
  Deno.writeFileSync(path, bytes);
  assert.throws(() => openResponseStore({ backend: "sqlite", path }), {
    name: "StoreOpenError",
    message: /^Cannot open the response store \S+\/store\.sqlite: /,
  });
});
