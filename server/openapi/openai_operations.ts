/** OpenAI's routes and vLLM's, apart from the Responses API. @module */
import { ChatCompletionRequest } from "../schema/chat.ts";
import {
  CompletionRequest,
  DetokenizeRequest,
  EmbeddingRequest,
  TokenizeRequest,
} from "../schema/completions.ts";
import * as replies from "../schema/replies/openai.ts";
import { events, json, named, type Operation } from "./operation.ts";

const tag = "openai-compatible";
const MODEL = "ollm-tiny";
const MESSAGES = [{ role: "user", content: "List three planets" }];
const CHUNKS = "With stream: true. The last event is [DONE], or an error.";

/** By method and path, as the route table has them. */
export const OPENAI_OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /v1/models": {
    id: "listModels",
    tag,
    summary: "List the models that a request may name",
    replies: [json("Models", replies.ModelsReply)],
  },
  "GET /v1/models/*": {
    id: "retrieveModel",
    tag,
    summary: "Look a model up",
    rest: "model_id",
    replies: [json("Model", replies.ModelReply)],
  },
  "POST /v1/chat/completions": {
    id: "createChatCompletion",
    tag,
    summary: "Answer a conversation",
    body: named("ChatCompletionRequest", ChatCompletionRequest),
    example: { model: MODEL, messages: MESSAGES },
    replies: [
      json("ChatCompletion", replies.ChatCompletionReply),
      events("ChatCompletionChunk", replies.ChatCompletionChunk, CHUNKS),
    ],
  },
  "POST /v1/completions": {
    id: "createCompletion",
    tag,
    summary: "Go on from a text",
    body: named("CompletionRequest", CompletionRequest),
    example: { model: MODEL, prompt: "Once upon a time", max_tokens: 32 },
    replies: [
      json("Completion", replies.CompletionReply),
      events("Completion", replies.CompletionReply, CHUNKS),
    ],
  },
  "POST /v1/embeddings": {
    id: "createEmbedding",
    tag,
    summary: "Turn texts into vectors",
    body: named("EmbeddingRequest", EmbeddingRequest),
    example: { model: "snowflake-arctic-embed-s-q0f32-MLC-b4", input: "Hello" },
    replies: [json("Embeddings", replies.EmbeddingReply)],
  },
  "POST /v1/tokenize": {
    id: "tokenize",
    tag,
    summary: "Give the token ids of a text or a conversation",
    body: named("TokenizeRequest", TokenizeRequest),
    example: { model: MODEL, messages: MESSAGES },
    replies: [json("Tokens", replies.TokenizeReply)],
  },
  "POST /v1/detokenize": {
    id: "detokenize",
    tag,
    summary: "Give the text of token ids",
    body: named("DetokenizeRequest", DetokenizeRequest),
    example: { model: MODEL, tokens: [72, 105] },
    replies: [json("Text", replies.DetokenizeReply)],
  },
};
