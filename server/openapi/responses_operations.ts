/** The Responses API and its conversations. @module */
import { z } from "zod";
import * as replies from "../schema/replies/responses.ts";
import {
  CountInputTokensRequest,
  CreateConversationItemsRequest,
  CreateConversationRequest,
  CreateResponseRequest,
  UpdateConversationRequest,
} from "../schema/responses.ts";
import { events, json, named, type Operation } from "./operation.ts";

const tag = "openai-compatible";

const PageQuery = z.object({
  limit: z.int().min(1).max(100).default(20),
  order: z.enum(["asc", "desc"]).default("desc"),
  after: z.string().optional().describe("Id of the item before the page"),
});

const StreamQuery = z.object({
  stream: z.boolean().default(false),
  starting_after: z.int().optional().describe("Number of the last event that was seen"),
});

const response = json("Response", replies.ResponseReply);
const deleted = json("Deleted", replies.DeletedReply);
const conversation = json("Conversation", replies.ConversationReply);
const page = json("ItemPage", replies.ItemPageReply);
const item = json("Item", replies.ItemReply);
const responseEvents = events(
  "ResponseEvent",
  replies.ResponseEventReply,
  "With stream: true. From response.created to response.completed, incomplete, failed or error.",
);

/** By method and path, as the route table has them. */
export const RESPONSES_OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /v1/responses": {
    id: "createResponse",
    tag,
    summary: "Create a response",
    body: named("CreateResponseRequest", CreateResponseRequest),
    example: { model: "ollm-tiny", input: "List three planets" },
    replies: [response, responseEvents],
  },
  "POST /v1/responses/input_tokens": {
    id: "countInputTokens",
    tag,
    summary: "Count what the model would read",
    body: named("CountInputTokensRequest", CountInputTokensRequest),
    example: { model: "ollm-tiny", input: "List three planets" },
    replies: [json("InputTokens", replies.InputTokensReply)],
  },
  "GET /v1/responses/:response_id": {
    id: "retrieveResponse",
    tag,
    summary: "Retrieve a stored response, or its events",
    query: StreamQuery,
    replies: [response, responseEvents],
  },
  "DELETE /v1/responses/:response_id": {
    id: "deleteResponse",
    tag,
    summary: "Delete a stored response",
    replies: [deleted],
  },
  "POST /v1/responses/:response_id/cancel": {
    id: "cancelResponse",
    tag,
    summary: "Cancel a response that runs in the background",
    replies: [response],
  },
  "GET /v1/responses/:response_id/input_items": {
    id: "listInputItems",
    tag,
    summary: "List what the model read",
    query: PageQuery,
    replies: [page],
  },
  "POST /v1/conversations": {
    id: "createConversation",
    tag,
    summary: "Create a conversation",
    body: named("CreateConversationRequest", CreateConversationRequest),
    example: { metadata: { topic: "planets" } },
    replies: [conversation],
  },
  "GET /v1/conversations/:conversation_id": {
    id: "retrieveConversation",
    tag,
    summary: "Retrieve a conversation",
    replies: [conversation],
  },
  "POST /v1/conversations/:conversation_id": {
    id: "updateConversation",
    tag,
    summary: "Replace a conversation's metadata",
    body: named("UpdateConversationRequest", UpdateConversationRequest),
    example: { metadata: { topic: "moons" } },
    replies: [conversation],
  },
  "DELETE /v1/conversations/:conversation_id": {
    id: "deleteConversation",
    tag,
    summary: "Delete a conversation",
    replies: [deleted],
  },
  "GET /v1/conversations/:conversation_id/items": {
    id: "listConversationItems",
    tag,
    summary: "List the items of a conversation",
    query: PageQuery,
    replies: [page],
  },
  "POST /v1/conversations/:conversation_id/items": {
    id: "createConversationItems",
    tag,
    summary: "Add items to a conversation",
    body: named("CreateConversationItemsRequest", CreateConversationItemsRequest),
    example: { items: [{ role: "user", content: "List three planets" }] },
    replies: [page],
  },
  "GET /v1/conversations/:conversation_id/items/:item_id": {
    id: "retrieveConversationItem",
    tag,
    summary: "Retrieve an item of a conversation",
    replies: [item],
  },
  "DELETE /v1/conversations/:conversation_id/items/:item_id": {
    id: "deleteConversationItem",
    tag,
    summary: "Remove an item from a conversation",
    replies: [conversation],
  },
};
