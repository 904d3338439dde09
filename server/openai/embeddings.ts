import type { AppContext, Services } from "../context.ts";
import { badRequest, modelNotFound } from "../errors.ts";
import { admitReference } from "../model_reference.ts";
import { EmbeddingRequest } from "../schema/completions.ts";
import { parseOpenAi } from "../schema/parse.ts";

/**
 * `POST /v1/embeddings`: says which model cannot do this. Averages of a chat model's states look like embeddings and
 * find the wrong documents, so they are not offered.
 */
export function createEmbedding({ engine, defaults }: Services) {
  return async (c: AppContext): Promise<Response> => {
    const { model } = parseOpenAi(EmbeddingRequest, c.get("body"));
    const reference = admitReference(model, defaults);
    const { supportLevel } = await engine.inspectModel(reference);
    if (supportLevel === "unsupported") throw modelNotFound(reference);
    throw badRequest(
      "model",
      `Invalid "model": ${
        JSON.stringify(reference)
      } generates text and was not trained for embeddings; ` +
        "embedding models are not supported yet",
      "model_not_supported",
    );
  };
}
