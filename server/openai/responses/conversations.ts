/**
 * Conversations: lists of items on the server that responses read and add to.
 *
 * @see https://platform.openai.com/docs/api-reference/conversations
 * @module
 */
import type { AppContext, Services } from "../../context.ts";
import { ApiError } from "../../errors.ts";
import { randomId } from "../../ids.ts";
import { parseOpenAi } from "../../schema/parse.ts";
import {
  CreateConversationItemsRequest,
  CreateConversationRequest,
  UpdateConversationRequest,
} from "../../schema/responses.ts";
import type { Conversation, ResponseStore } from "../../stores/response_store.ts";
import { readPageQuery, toPageBody } from "./page.ts";
import { resolveItems } from "./prompt.ts";
import { requireStore } from "./stored.ts";

/** `POST /v1/conversations`. */
export function createConversation(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const { items, metadata } = parseOpenAi(CreateConversationRequest, c.get("body"));
    const conversation: Conversation = {
      id: randomId("conv_"),
      object: "conversation",
      created_at: Math.floor(Date.now() / 1000),
      metadata: metadata ?? {},
    };
    await store.putConversation(conversation, await resolveItems(items ?? [], services));
    return c.json(conversation);
  };
}

/** `GET /v1/conversations/{conversation_id}`. */
export function retrieveConversation(services: Services) {
  return async (c: AppContext): Promise<Response> =>
    c.json(await requireConversation(requireStore(services), idOf(c)));
}

/** `POST /v1/conversations/{conversation_id}`: replaces the metadata. */
export function updateConversation(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const { metadata } = parseOpenAi(UpdateConversationRequest, c.get("body"));
    const conversation = await requireConversation(store, idOf(c));
    const updated = { ...conversation, metadata: metadata ?? {} };
    if (!await store.updateConversation(updated)) throw conversationNotFound(idOf(c));
    return c.json(updated);
  };
}

/** `DELETE /v1/conversations/{conversation_id}`; responses keep their own copy of its items. */
export function deleteConversation(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const id = idOf(c);
    if (!await requireStore(services).deleteConversation(id)) throw conversationNotFound(id);
    return c.json({ id, object: "conversation.deleted", deleted: true });
  };
}

/** `GET /v1/conversations/{conversation_id}/items`. */
export function listConversationItems(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    await requireConversation(store, idOf(c));
    return c.json(toPageBody(await store.pageConversationItems(idOf(c), readPageQuery(c))));
  };
}

/** `POST /v1/conversations/{conversation_id}/items`. */
export function createConversationItems(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const request = parseOpenAi(CreateConversationItemsRequest, c.get("body"));
    await requireConversation(store, idOf(c));
    const items = await resolveItems(request.items, services);
    if (!await store.addConversationItems(idOf(c), items)) throw conversationNotFound(idOf(c));
    return c.json(toPageBody({ items: items.map(({ item }) => item), hasMore: false }));
  };
}

/** `GET /v1/conversations/{conversation_id}/items/{item_id}`. */
export function retrieveConversationItem(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const items = await requireStore(services).getConversationItems(idOf(c));
    if (items === undefined) throw conversationNotFound(idOf(c));
    const found = items.find(({ item }) => item.id === itemIdOf(c));
    if (found === undefined) throw itemNotFound(itemIdOf(c));
    return c.json(found.item);
  };
}

/** `DELETE /v1/conversations/{conversation_id}/items/{item_id}`. */
export function deleteConversationItem(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const conversation = await requireConversation(store, idOf(c));
    if (!await store.deleteConversationItem(idOf(c), itemIdOf(c))) throw itemNotFound(itemIdOf(c));
    return c.json(conversation);
  };
}

function idOf(c: AppContext): string {
  return c.req.param("conversation_id")!;
}

function itemIdOf(c: AppContext): string {
  return c.req.param("item_id")!;
}

async function requireConversation(store: ResponseStore, id: string): Promise<Conversation> {
  const conversation = await store.getConversation(id);
  if (conversation === undefined) throw conversationNotFound(id);
  return conversation;
}

function conversationNotFound(id: string): ApiError {
  return new ApiError(404, `Conversation with id '${id.slice(0, 80)}' not found`, {
    param: "conversation_id",
    code: "conversation_not_found",
  });
}

function itemNotFound(id: string): ApiError {
  return new ApiError(404, `Item with id '${id.slice(0, 80)}' not found`, {
    param: "item_id",
    code: "item_not_found",
  });
}
