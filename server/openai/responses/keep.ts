import type { Services } from "../../context.ts";
import { StoreError } from "../../stores/response_store.ts";
import type { ResponsePlan } from "./create_request.ts";
import type { ResponseEvent } from "./events.ts";
import type { ResponseObject } from "./response.ts";

/**
 * Keeps a finished response where its request and the settings want it: in the store, in the ring, or nowhere.
 *
 * @param events of a background response, whose record is there already
 * @throws {StoreError} nothing was kept
 */
export async function keepResponse(
  response: ResponseObject,
  { prompt, wantsStore }: Pick<ResponsePlan, "prompt" | "wantsStore">,
  { responses: { store, ring } }: Pick<Services, "responses">,
  events?: ResponseEvent[],
): Promise<void> {
  if (store === null) {
    if (wantsStore) ring.add(response.output);
    return;
  }
  const { conversationId, newItems } = prompt;
  const hasAnswer = response.status === "completed" || response.status === "incomplete";
  const growth = conversationId === null || !hasAnswer
    ? undefined
    : { conversationId, input: newItems };
  if (events) await store.finishResponse({ response, growth }, events);
  else if (response.store) await store.putResponse({ response, input: prompt.items, growth });
  else if (growth) await growOnly(store, growth, response);
}

/** A response that is not to be kept still belongs to its conversation. */
async function growOnly(
  store: NonNullable<Services["responses"]["store"]>,
  { conversationId, input }: { conversationId: string; input: ResponsePlan["prompt"]["newItems"] },
  { output }: ResponseObject,
): Promise<void> {
  const items = [...input, ...output.map((item) => ({ item }))];
  if (await store.addConversationItems(conversationId, items)) return;
  throw new StoreError(`The conversation ${conversationId} was deleted meanwhile`);
}
