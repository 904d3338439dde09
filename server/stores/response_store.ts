/**
 * What a response store is: responses and conversations with the items that they are made of. Knows no HTTP and no file.
 *
 * @module
 */
import type { ResponseEvent } from "../openai/responses/events.ts";
import type { Item } from "../openai/responses/items.ts";
import type { ResponseObject } from "../openai/responses/response.ts";

/** Bounds of a store; beyond them the oldest records go. */
export interface StoreLimits {
  /** Responses and conversations together. @default 100000 */
  maxRecords: number;
  /** JSON text of all records and items. @default 1073741824 */
  maxBytes: number;
  /** Since a response was made, or a conversation was last used. @default 2592000000 (30 days) */
  maxAgeMs: number;
}

/** What a disk holds without notice; OpenAI keeps responses for 30 days as well. */
export const DEFAULT_STORE_LIMITS: Readonly<StoreLimits> = {
  maxRecords: 100_000,
  maxBytes: 1024 ** 3,
  maxAgeMs: 30 * 24 * 60 * 60 * 1000,
};

/** An item, and where a store keeps it: records that have an item in common share it. */
export interface StoredItem {
  readonly item: Item;
  /** Set by the store; absent for an item that it has never seen. */
  key?: number;
}

/** A conversation that grows by what was asked and answered. */
export interface Growth {
  conversationId: string;
  /** What was asked; the response's output follows it. */
  input: StoredItem[];
}

/** A response to keep. */
export interface ResponseRecord {
  response: ResponseObject;
  /** Everything that the model read, oldest first: a copy, so that the record outlives those that it continues. */
  input: StoredItem[];
  /** Grows in the same transaction. */
  growth?: Growth | undefined;
}

/** A conversation without its items. */
export interface Conversation {
  id: string;
  object: "conversation";
  /** Unix seconds. */
  created_at: number;
  metadata: Record<string, string>;
}

/** Which of a list's items to return. */
export interface PageQuery {
  /** 1 to 100. */
  limit: number;
  /** By time of arrival. */
  order: "asc" | "desc";
  /** Id of the item before the page. */
  after?: string | undefined;
}

/** Some items of a list. */
export interface ItemPage {
  items: Item[];
  hasMore: boolean;
}

/**
 * Keeps responses. What a promise has confirmed is durable; a promise that rejects with {@linkcode StoreError} has
 * changed nothing. What is not there, expired or evicted is undefined or false.
 */
export interface ResponseStore {
  /** Adds a response. */
  putResponse(record: ResponseRecord): Promise<void>;
  /**
   * Replaces a response of the same id that was in progress, and keeps its events.
   *
   * @returns false when it was deleted meanwhile
   */
  finishResponse(
    record: Omit<ResponseRecord, "input">,
    events: ResponseEvent[] | null,
  ): Promise<boolean>;
  getResponse(id: string): Promise<ResponseObject | undefined>;
  /** The stream of a response that was finished with its events. */
  getEvents(id: string): Promise<ResponseEvent[] | undefined>;
  /** Everything that a continuation must read: input, then output. */
  getResponseItems(id: string): Promise<StoredItem[] | undefined>;
  /** @returns undefined also when `after` names none of them */
  pageInputItems(id: string, query: PageQuery): Promise<ItemPage | undefined>;
  deleteResponse(id: string): Promise<boolean>;

  /** The newest item with this id, in whatever record. */
  findItem(id: string): Promise<StoredItem | undefined>;

  putConversation(conversation: Conversation, items: StoredItem[]): Promise<void>;
  getConversation(id: string): Promise<Conversation | undefined>;
  /** @returns false when there is no such conversation */
  updateConversation(conversation: Conversation): Promise<boolean>;
  deleteConversation(id: string): Promise<boolean>;
  getConversationItems(id: string): Promise<StoredItem[] | undefined>;
  /** @returns undefined also when `after` names none of them */
  pageConversationItems(id: string, query: PageQuery): Promise<ItemPage | undefined>;
  /** @returns false when there is no such conversation */
  addConversationItems(id: string, items: StoredItem[]): Promise<boolean>;
  /** @returns false when there is no such conversation, or it has no such item */
  deleteConversationItem(id: string, itemId: string): Promise<boolean>;

  close(): void;
}

/** A store that failed to read or to write; what it held before is unchanged. */
export class StoreError extends Error {
  override name = "StoreError";
}

/** A store that cannot be opened: foreign, damaged, in use, or written by a newer version. */
export class StoreOpenError extends Error {
  override name = "StoreOpenError";
}
