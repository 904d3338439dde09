/**
 * What the model reads for a request: instructions, what was said before, and the new input. The only place that follows
 * `previous_response_id`, `conversation` and item references.
 *
 * @module
 */
import type { ChatMessage } from "../../../engine/mod.ts";
import type { Services } from "../../context.ts";
import { type ApiError, badRequest } from "../../errors.ts";
import type { PromptRequest } from "../../schema/responses.ts";
import type { StoredItem } from "../../stores/response_store.ts";
import type { Item } from "./items.ts";
import { toChatMessages } from "./messages.ts";
import { type ItemReference, normalizeItems } from "./normalize.ts";
import { isFinal } from "./response.ts";

/** A request's conversation, every reference followed. */
export interface Prompt {
  messages: ChatMessage[];
  /** All items, oldest first, `newItems` last. */
  items: StoredItem[];
  /** What this request adds. */
  newItems: StoredItem[];
  /** The conversation that the request belongs to. */
  conversationId: string | null;
}

type Sources = Pick<Services, "responses">;

/**
 * Gathers the conversation.
 *
 * @throws {ApiError} 400 with `param`: an item that cannot be used, or a reference that leads nowhere
 */
export async function resolvePrompt(request: PromptRequest, services: Sources): Promise<Prompt> {
  const conversationId = conversationIdOf(request);
  if (conversationId !== null && request.previous_response_id) {
    throw badRequest(
      "previous_response_id",
      'Invalid "previous_response_id": it cannot be used together with "conversation"',
      "mutually_exclusive_parameters",
    );
  }
  const history = request.previous_response_id
    ? await readResponse(request.previous_response_id, services)
    : conversationId === null
    ? []
    : await readConversation(conversationId, services);
  const given = normalizeItems(request.input ?? [], "input");
  const newItems = await resolveReferences(given, history, services);
  const items = [...history, ...newItems];
  const messages = toChatMessages(request.instructions ?? null, items.map(({ item }) => item));
  return { messages, items, newItems, conversationId };
}

/** Gives new items the form of a store, for routes that read no history. */
export async function resolveItems(
  input: Record<string, unknown>[],
  services: Sources,
): Promise<StoredItem[]> {
  return await resolveReferences(normalizeItems(input, "items"), [], services);
}

function conversationIdOf({ conversation }: PromptRequest): string | null {
  if (!conversation) return null;
  return typeof conversation === "string" ? conversation : conversation.id;
}

async function readResponse(id: string, { responses }: Sources): Promise<StoredItem[]> {
  const { store } = responses;
  if (store === null) {
    throw previousResponseNotFound(
      "the response store is off; start the server with --response-store-backend memory or sqlite, or send all items",
    );
  }
  const response = await store.getResponse(id);
  const items = await store.getResponseItems(id);
  if (response === undefined || items === undefined) {
    throw previousResponseNotFound(`there is no response ${JSON.stringify(id.slice(0, 80))}`);
  }
  if (!isFinal(response)) {
    throw badRequest(
      "previous_response_id",
      'Invalid "previous_response_id": this response is still in progress; wait for its end',
    );
  }
  return items;
}

/** OpenAI's code, by which clients know that they must send the whole conversation. */
function previousResponseNotFound(why: string): ApiError {
  return badRequest(
    "previous_response_id",
    `Previous response not found: ${why}`,
    "previous_response_not_found",
  );
}

async function readConversation(id: string, { responses }: Sources): Promise<StoredItem[]> {
  const { store } = responses;
  if (store === null) {
    throw badRequest(
      "conversation",
      'Invalid "conversation": conversations need a response store; start the server with ' +
        "--response-store-backend memory or sqlite",
      "responses_storage_disabled",
    );
  }
  const items = await store.getConversationItems(id);
  if (items !== undefined) return items;
  throw badRequest(
    "conversation",
    `Invalid "conversation": there is no conversation ${JSON.stringify(id.slice(0, 80))}`,
    "conversation_not_found",
  );
}

async function resolveReferences(
  given: (Item | ItemReference)[],
  history: StoredItem[],
  services: Sources,
): Promise<StoredItem[]> {
  const known = new Set(history.map(({ item }) => item.id));
  const resolved: StoredItem[] = [];
  for (const item of given) {
    if (item.type !== "item_reference") resolved.push({ item });
    // Clients that chain responses repeat references to what the chain holds already.
    else if (!known.has(item.id)) resolved.push(await resolveReference(item, services));
  }
  return resolved;
}

async function resolveReference(
  { id, param }: ItemReference,
  { responses: { store, ring } }: Sources,
): Promise<StoredItem> {
  const stored = await store?.findItem(id);
  if (stored) return stored;
  const recent = ring.find(id);
  if (recent) return { item: recent };
  throw badRequest(
    param,
    `Invalid "${param}": there is no item ${JSON.stringify(id.slice(0, 80))}; ` +
      "send the item itself instead of a reference",
    "item_not_found",
  );
}
