import type { AppContext, Services } from "../../context.ts";
import { admitReference } from "../../model_reference.ts";
import { parseOpenAi } from "../../schema/parse.ts";
import { CountInputTokensRequest } from "../../schema/responses.ts";
import { resolvePrompt } from "./prompt.ts";
import { toResponsesError } from "./run.ts";
import { planTools } from "./tools.ts";

/** `POST /v1/responses/input_tokens`: what the prompt of such a request would count. */
export function countInputTokens(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const request = parseOpenAi(CountInputTokensRequest, c.get("body"));
    const model = admitReference(request.model, services.defaults);
    const { tools } = planTools(request).generation;
    const { messages } = await resolvePrompt(request, services);
    try {
      const tokens = await services.engine.tokenize({ model, messages, ...(tools && { tools }) });
      return c.json({ object: "response.input_tokens", input_tokens: tokens.length });
    } catch (error) {
      throw toResponsesError(error);
    }
  };
}
