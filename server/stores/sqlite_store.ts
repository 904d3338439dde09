/**
 * Responses and conversations in SQLite: a file, or memory.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import type { ResponseEvent } from "../openai/responses/events.ts";
import type { ResponseObject } from "../openai/responses/response.ts";
import {
  type Conversation,
  type Growth,
  type ItemPage,
  type PageQuery,
  type ResponseRecord,
  type ResponseStore,
  type StoredItem,
  StoreError,
  type StoreLimits,
} from "./response_store.ts";
import { type ItemRange, type RecordKind, Records } from "./sqlite_records.ts";

/** Options of {@linkcode SqliteStore}. */
export interface SqliteStoreOptions {
  /** Bounds. */
  limits: StoreLimits;
  /**
   * ms since the epoch.
   * @default Date.now
   */
  now?: () => number;
}

/** Every method does its work before it returns, so what one request wrote the next one reads. */
export class SqliteStore implements ResponseStore {
  readonly #database: DatabaseSync;
  readonly #records: Records;

  /**
   * Marks as failed what a crash left unfinished.
   *
   * @param database from `openDatabase`; the store's own from now on
   */
  constructor(database: DatabaseSync, { limits, now = Date.now }: SqliteStoreOptions) {
    this.#database = database;
    this.#records = new Records(this.#database, limits, now);
    this.#failUnfinished();
  }

  putResponse({ response, input, growth }: ResponseRecord): Promise<void> {
    return settle(() =>
      this.#records.change(() => {
        const { id, status, output } = response;
        const seq = this.#records.insert({ kind: "response", id, status, body: bodyOf(response) });
        this.#records.append(seq, input, false);
        this.#addOutput(seq, output, growth);
      })
    );
  }

  finishResponse(
    { response, growth }: Omit<ResponseRecord, "input">,
    events: ResponseEvent[] | null,
  ): Promise<boolean> {
    return settle(() =>
      this.#records.change(() => {
        const row = this.#records.find("response", response.id);
        if (row === undefined) return false;
        this.#records.update(row.seq, {
          status: response.status,
          body: bodyOf(response),
          ...(events === null ? {} : { events: JSON.stringify(events) }),
        });
        this.#addOutput(row.seq, response.output, growth);
        return true;
      })
    );
  }

  getResponse(id: string): Promise<ResponseObject | undefined> {
    return settle(() => {
      const row = this.#records.find("response", id);
      return row && JSON.parse(row.body) as ResponseObject;
    });
  }

  getEvents(id: string): Promise<ResponseEvent[] | undefined> {
    return settle(() => {
      const events = this.#records.find("response", id)?.events ?? null;
      return events === null ? undefined : JSON.parse(events) as ResponseEvent[];
    });
  }

  getResponseItems(id: string): Promise<StoredItem[] | undefined> {
    return settle(() => this.#items("response", id));
  }

  pageInputItems(id: string, query: PageQuery): Promise<ItemPage | undefined> {
    return settle(() => this.#page("response", id, "input", query));
  }

  deleteResponse(id: string): Promise<boolean> {
    return settle(() => this.#delete("response", id));
  }

  findItem(id: string): Promise<StoredItem | undefined> {
    return settle(() => this.#records.findItem(id));
  }

  putConversation(conversation: Conversation, items: StoredItem[]): Promise<void> {
    return settle(() =>
      this.#records.change(() => {
        const { id } = conversation;
        const body = JSON.stringify(conversation);
        const seq = this.#records.insert({ kind: "conversation", id, status: "open", body });
        this.#records.append(seq, items, false);
      })
    );
  }

  getConversation(id: string): Promise<Conversation | undefined> {
    return settle(() => {
      const row = this.#records.find("conversation", id);
      return row && JSON.parse(row.body) as Conversation;
    });
  }

  updateConversation(conversation: Conversation): Promise<boolean> {
    return this.#changeConversation(conversation.id, (seq) => {
      this.#records.update(seq, { status: "open", body: JSON.stringify(conversation) });
      return true;
    });
  }

  deleteConversation(id: string): Promise<boolean> {
    return settle(() => this.#delete("conversation", id));
  }

  getConversationItems(id: string): Promise<StoredItem[] | undefined> {
    return settle(() => this.#items("conversation", id));
  }

  pageConversationItems(id: string, query: PageQuery): Promise<ItemPage | undefined> {
    return settle(() => this.#page("conversation", id, "all", query));
  }

  addConversationItems(id: string, items: StoredItem[]): Promise<boolean> {
    return this.#changeConversation(id, (seq) => {
      this.#records.append(seq, items, false);
      return true;
    });
  }

  deleteConversationItem(id: string, itemId: string): Promise<boolean> {
    return this.#changeConversation(id, (seq) => this.#records.removeItem(seq, itemId));
  }

  close(): void {
    this.#database.close();
  }

  /** A response's own output, and the conversation that it belongs to. */
  #addOutput(seq: number, output: ResponseObject["output"], growth: Growth | undefined): void {
    const items: StoredItem[] = output.map((item) => ({ item }));
    this.#records.append(seq, items, true);
    if (growth === undefined) return;
    const conversation = this.#records.find("conversation", growth.conversationId);
    if (conversation === undefined) {
      throw new StoreError(`The conversation ${growth.conversationId} was deleted meanwhile`);
    }
    this.#records.append(conversation.seq, [...growth.input, ...items], false);
    this.#records.touch(conversation.seq);
  }

  #changeConversation(id: string, work: (seq: number) => boolean): Promise<boolean> {
    return settle(() =>
      this.#records.change(() => {
        const row = this.#records.find("conversation", id);
        if (row === undefined) return false;
        this.#records.touch(row.seq);
        return work(row.seq);
      })
    );
  }

  #items(kind: RecordKind, id: string): StoredItem[] | undefined {
    const row = this.#records.find(kind, id);
    return row && this.#records.items(row.seq);
  }

  #page(kind: RecordKind, id: string, range: ItemRange, query: PageQuery): ItemPage | undefined {
    const row = this.#records.find(kind, id);
    if (row === undefined) return undefined;
    const items = this.#records.page(row.seq, range, query)?.map(({ item }) => item);
    return items && { items: items.slice(0, query.limit), hasMore: items.length > query.limit };
  }

  #delete(kind: RecordKind, id: string): boolean {
    return this.#records.change(() => {
      const row = this.#records.find(kind, id);
      if (row === undefined) return false;
      this.#records.remove(row.seq);
      return true;
    });
  }

  /** A response that was running when the process died will never end; whoever asks for it is told. */
  #failUnfinished(): void {
    const rows = this.#records.findUnfinished();
    if (rows.length === 0) return;
    this.#records.change(() => {
      for (const { seq, body } of rows) {
        const response: ResponseObject = {
          ...JSON.parse(body) as ResponseObject,
          status: "failed",
          error: { code: "server_error", message: "The server was restarted before the end" },
        };
        this.#records.update(seq, { status: response.status, body: bodyOf(response) });
      }
    });
  }
}

function bodyOf(response: ResponseObject): string {
  return JSON.stringify(response);
}

/** Turns a thrown error into a rejection: the interface promises, since other stores need time. */
function settle<T>(work: () => T): Promise<T> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return Promise.reject(error);
  }
}
