/**
 * A checked request to create a response: for the engine, and as the response repeats it.
 *
 * @module
 */
import type { GenerationRequest, ResponseFormat } from "../../../engine/mod.ts";
import type { Services } from "../../context.ts";
import { badRequest } from "../../errors.ts";
import { log } from "../../log.ts";
import { admitReference } from "../../model_reference.ts";
import { CreateResponseRequest, IGNORED_RESPONSE_FIELDS } from "../../schema/responses.ts";
import { toKeepAlive } from "../../schema/keep_alive.ts";
import { toSampling } from "../sampling.ts";
import { warnUnknownFields } from "../unknown_fields.ts";
import { type Prompt, resolvePrompt } from "./prompt.ts";
import type { ResponseEcho, TextFormat } from "./response.ts";
import { planTools } from "./tools.ts";

/** Everything that a request decides. */
export interface ResponsePlan {
  generation: GenerationRequest;
  echo: ResponseEcho;
  prompt: Prompt;
  /** False when the client said that nothing may be kept. */
  wantsStore: boolean;
  /** Whether thoughts are shown as a summary. */
  isReasoningSummarized: boolean;
}

/**
 * Plans the response.
 *
 * @throws {ApiError} 400 or 404 for what the schema cannot see
 */
export async function planResponse(
  request: CreateResponseRequest,
  services: Pick<Services, "defaults" | "responses">,
): Promise<ResponsePlan> {
  const { defaults, responses: { store } } = services;
  const model = admitReference(request.model, defaults);
  const tools = planTools(request);
  const format = toTextFormat(request);
  const sampling = toSampling(request, defaults, { logprobs: toLogprobs(request) });
  const prompt = await resolvePrompt(request, services);
  const { toolChoice } = tools.generation;
  const isForced = toolChoice === "required" || typeof toolChoice === "object";
  const generation: GenerationRequest = {
    model,
    messages: prompt.messages,
    ...tools.generation,
    // A forced call leaves no text that could have a format.
    ...(format.type === "text" || isForced ? {} : { responseFormat: toResponseFormat(format) }),
    ...(request.max_output_tokens ? { maxTokens: request.max_output_tokens } : {}),
    ...toKeepAlive(request.keep_alive),
    sampling,
  };
  const echo: ResponseEcho = {
    background: request.background ?? false,
    conversation: prompt.conversationId === null ? null : { id: prompt.conversationId },
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: request.max_tool_calls ?? null,
    model: request.model,
    previous_response_id: request.previous_response_id ?? null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    reasoning: {
      effort: request.reasoning?.effort ?? null,
      summary: request.reasoning?.summary ?? null,
    },
    safety_identifier: request.safety_identifier ?? null,
    service_tier: "default",
    store: store !== null && request.store !== false,
    temperature: sampling.temperature ?? 0,
    text: { format, verbosity: request.text?.verbosity ?? "medium" },
    top_logprobs: request.top_logprobs ?? 0,
    top_p: sampling.topP ?? null,
    // Never cut in silence: what does not fit is refused, whatever was asked for.
    truncation: "disabled",
    user: request.user ?? null,
    metadata: request.metadata ?? {},
    ...tools.echo,
  };
  return {
    generation,
    echo,
    prompt,
    wantsStore: request.store !== false,
    isReasoningSummarized: Boolean(request.reasoning?.summary),
  };
}

const LOGPROBS = "message.output_text.logprobs";

/** Undefined when the text is to carry none. */
function toLogprobs({ include, top_logprobs }: CreateResponseRequest): number | undefined {
  if (include?.includes(LOGPROBS)) return top_logprobs ?? 0;
  if (!top_logprobs) return undefined;
  throw badRequest("top_logprobs", `Invalid "top_logprobs": it needs "include": ["${LOGPROBS}"]`);
}

function toTextFormat({ text }: CreateResponseRequest): TextFormat {
  const format = text?.format;
  if (format?.type !== "json_schema") return format ?? { type: "text" };
  const { type, name, schema } = format;
  return {
    type,
    name,
    description: format.description ?? null,
    schema,
    strict: format.strict ?? true,
  };
}

function toResponseFormat(format: TextFormat): ResponseFormat {
  return format.type === "json_schema"
    ? { type: format.type, schema: format.schema }
    : { type: format.type };
}

/** Included on every response already, or of tools that are not here. */
const KNOWN_INCLUDES = [
  LOGPROBS,
  "reasoning.encrypted_content",
  "web_search_call.action.sources",
  "file_search_call.results",
  "message.input_image.image_url",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
];

const KNOWN_FIELDS = [...Object.keys(CreateResponseRequest.shape), ...IGNORED_RESPONSE_FIELDS];

/** Logs what will be ignored. */
export function warnIgnored(
  body: Record<string, unknown>,
  { include, truncation }: Pick<CreateResponseRequest, "include" | "truncation">,
): void {
  warnUnknownFields(body, { known: KNOWN_FIELDS, kind: "response request" });
  for (const name of include ?? []) {
    if (KNOWN_INCLUDES.includes(name)) continue;
    log.warning("Ignored {name} in include: it is not known", { name: name.slice(0, 64) });
  }
  if (truncation === "auto") {
    log.warning("Ignored truncation auto: a prompt that does not fit is refused, never cut");
  }
}
