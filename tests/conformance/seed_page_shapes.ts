/**
 * The shapes that the product's page documents for its examples.
 *
 * @module
 */
import { z } from "zod";
import { MODEL } from "./target.ts";

/** `GET /v1/health`. */
export const Health = z.strictObject({
  ok: z.literal(true),
  service: z.literal("ollm"),
  version: z.string().regex(/^\d+\.\d+\.\d+/),
  server_mode: z.literal("local-only"),
});

/** `GET /v1/models`. */
export const Models = z.strictObject({
  object: z.literal("list"),
  data: z.array(z.strictObject({
    id: z.string().min(1),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.string().min(1),
  })),
});

const ChatId = z.string().regex(/^chatcmpl-[0-9a-f]{32}$/);

/** `POST /v1/chat/completions`. */
export const Chat = z.object({
  id: ChatId,
  object: z.literal("chat.completion"),
  created: z.int(),
  model: z.literal(MODEL),
  choices: z.tuple([z.object({
    index: z.literal(0),
    message: z.object({ role: z.literal("assistant"), content: z.string().min(1) }),
    finish_reason: z.literal("stop"),
  })]),
  usage: z.object({
    prompt_tokens: z.int().min(1),
    completion_tokens: z.int().min(1),
    total_tokens: z.int().min(2),
  }),
});

/** One chunk of the same, streamed. */
export const ChatChunk = z.object({
  id: ChatId,
  object: z.literal("chat.completion.chunk"),
  created: z.int(),
  model: z.literal(MODEL),
  choices: z.tuple([z.object({
    index: z.literal(0),
    delta: z.object({ role: z.literal("assistant").optional(), content: z.string().optional() }),
    finish_reason: z.literal("stop").nullish(),
  })]),
});

const Message = z.strictObject({
  id: z.string().regex(/^msg_[0-9a-f]{32}$/),
  type: z.literal("message"),
  status: z.literal("completed"),
  role: z.literal("assistant"),
  content: z.tuple([z.object({
    type: z.literal("output_text"),
    text: z.string().min(1),
    annotations: z.tuple([]),
  })]),
});

/** The call that the example's question asks for. */
const WeatherCall = z.strictObject({
  id: z.string().regex(/^fc_[0-9a-f]{32}$/),
  type: z.literal("function_call"),
  status: z.literal("completed"),
  call_id: z.string().regex(/^call_[0-9a-f]{32}$/),
  name: z.literal("get_weather"),
  arguments: z.string().transform((text) => JSON.parse(text)).pipe(
    z.strictObject({ city: z.literal("Paris") }),
  ),
});

const Response = z.object({
  id: z.string().regex(/^resp_[0-9a-f]{32}$/),
  object: z.literal("response"),
  created_at: z.int(),
  completed_at: z.int(),
  status: z.literal("completed"),
  model: z.literal(MODEL),
  instructions: z.string().nullable(),
  store: z.boolean(),
  error: z.null(),
});

/** `POST /v1/responses` with one message. */
export const TextResponse = Response.extend({ output: z.tuple([Message]) });

/** `POST /v1/responses` with one call. */
export const CallResponse = Response.extend({ output: z.tuple([WeatherCall]) });

/** An event of `POST /v1/responses`, streamed. */
export const ResponseEvent = z.looseObject({ type: z.string(), sequence_number: z.int() });

/** The last event of a stream that ends with a call. */
export const CallCompleted = ResponseEvent.extend({ response: CallResponse });

/** `POST /v1/plan`. */
export const Plan = z.object({
  runtime_config: z.looseObject({ model_reference: z.literal(MODEL) }),
  resolved_model: z.looseObject({
    model_reference: z.literal(MODEL),
    support_level: z.literal("optimized"),
  }),
  runtime_plan: z.looseObject({ backend_id: z.string(), reason: z.string().min(1) }),
});
