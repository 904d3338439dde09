/** What the OpenAI routes answer, for `/openapi.json`; tests hold the replies to it. @module */
import { z } from "zod";

/** A failure on an OpenAI route, also the last event of a stream that failed. */
export const OpenAiErrorReply = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable().describe("Request field at fault"),
    code: z.string().nullable().describe("Stable reason"),
  }),
});

/** `GET /v1/models/{model_id}`. */
export const ModelReply = z.strictObject({
  id: z.string().describe("The text to send as model"),
  object: z.literal("model"),
  created: z.int().describe("Last change of the package, Unix seconds"),
  owned_by: z.string(),
});

/** `GET /v1/models`. */
export const ModelsReply = z.strictObject({
  object: z.literal("list"),
  data: z.array(ModelReply),
});

const UsageReply = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.strictObject({ cached_tokens: z.int() }),
  completion_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
});

const TokenLogprob = z.strictObject({
  token: z.string(),
  bytes: z.array(z.int()),
  logprob: z.number(),
});

/** Log-probabilities of a chat choice. */
const ChatLogprobs = z.strictObject({
  content: z.array(TokenLogprob.extend({ top_logprobs: z.array(TokenLogprob) })),
  refusal: z.null(),
});

const FinishReason = z.enum(["stop", "length", "tool_calls"]);

/** What all replies of one request share. */
const HEAD = {
  id: z.string(),
  created: z.int().describe("Unix seconds"),
  model: z.string().describe("The request's own word"),
};

/** `POST /v1/chat/completions`. */
export const ChatCompletionReply = z.strictObject({
  ...HEAD,
  object: z.literal("chat.completion"),
  choices: z.array(z.strictObject({
    index: z.int(),
    message: z.strictObject({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      refusal: z.null(),
      reasoning_content: z.string().optional(),
      tool_calls: z.array(z.strictObject({
        id: z.string(),
        type: z.literal("function"),
        function: z.strictObject({ name: z.string(), arguments: z.string() }),
      })).optional(),
    }),
    logprobs: ChatLogprobs.nullable(),
    finish_reason: FinishReason,
  })),
  usage: UsageReply,
});

/** An event of a streamed chat completion. */
export const ChatCompletionChunk = z.strictObject({
  ...HEAD,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(z.strictObject({
    index: z.int(),
    delta: z.strictObject({
      role: z.literal("assistant").optional(),
      content: z.string().optional(),
      reasoning_content: z.string().optional(),
      tool_calls: z.array(z.strictObject({
        index: z.int(),
        id: z.string().optional(),
        type: z.literal("function").optional(),
        function: z.strictObject({ name: z.string().optional(), arguments: z.string() }),
      })).optional(),
    }),
    logprobs: ChatLogprobs.nullable(),
    finish_reason: FinishReason.nullable(),
  })),
  usage: UsageReply.nullable().optional(),
});

/** `POST /v1/completions`, and an event of it. */
export const CompletionReply = z.strictObject({
  ...HEAD,
  object: z.literal("text_completion"),
  choices: z.array(z.strictObject({
    text: z.string(),
    index: z.int(),
    logprobs: z.strictObject({
      tokens: z.array(z.string()),
      token_logprobs: z.array(z.number()),
      top_logprobs: z.array(z.record(z.string(), z.number())),
      text_offset: z.array(z.int()),
    }).nullable(),
    finish_reason: FinishReason.nullable(),
  })),
  usage: UsageReply.nullable().optional(),
});

/** `POST /v1/embeddings`. */
export const EmbeddingReply = z.strictObject({
  object: z.literal("list"),
  model: z.string(),
  data: z.array(z.strictObject({
    object: z.literal("embedding"),
    index: z.int(),
    embedding: z.union([z.array(z.number()), z.string()])
      .describe("Numbers, or little-endian f32 in base64, by encoding_format"),
  })),
  usage: z.strictObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
});

/** `POST /v1/tokenize`. */
export const TokenizeReply = z.strictObject({
  count: z.int(),
  max_model_len: z.int().nullable().describe("Tokens a sequence may hold"),
  tokens: z.array(z.int()),
  token_strs: z.null(),
});

/** `POST /v1/detokenize`. */
export const DetokenizeReply = z.strictObject({ prompt: z.string() });
