import { Buffer } from "node:buffer";
import type { EmbedRequest } from "../../engine/mod.ts";
import { createCancellation } from "../cancellation.ts";
import type { AppContext, Services } from "../context.ts";
import { badRequest, modelNotFound, renameParam } from "../errors.ts";
import { admitReference } from "../model_reference.ts";
import { EmbeddingRequest } from "../schema/completions.ts";
import { toKeepAlive } from "../schema/keep_alive.ts";
import { parseOpenAi } from "../schema/parse.ts";
import { warnUnknownFields } from "./unknown_fields.ts";

const KNOWN_FIELDS = Object.keys(EmbeddingRequest.shape);

/** `POST /v1/embeddings`. */
export function createEmbedding(services: Services) {
  const { engine, defaults } = services;
  return async (c: AppContext): Promise<Response> => {
    const request = parseOpenAi(EmbeddingRequest, c.get("body"));
    warnUnknownFields(c.get("body"), { known: KNOWN_FIELDS, kind: "embedding request" });
    const model = admitReference(request.model, defaults);
    await requireEmbedder(model, services);
    const inputs = toInputs(request.input);
    const cancellation = createCancellation(c.req.raw.signal, services);
    try {
      const { vectors, numPromptTokens } = await engine.embed(
        { model, inputs, ...toKeepAlive(request.keep_alive) },
        { signal: cancellation.signal },
      );
      const cut = request.dimensions ?? undefined;
      return c.json({
        object: "list",
        data: vectors.map((vector, index) => ({
          object: "embedding",
          index,
          embedding: encode(cut === undefined ? vector : shorten(vector, cut), request),
        })),
        model: request.model,
        usage: { prompt_tokens: numPromptTokens, total_tokens: numPromptTokens },
      });
    } catch (error) {
      throw renameParam(error, { inputs: "input" });
    } finally {
      cancellation.end();
    }
  };
}

/**
 * Averages of a chat model's states look like embeddings and find the wrong documents, so they are not offered.
 *
 * @throws {ApiError} 404, or 400 for a model that is known to do something else
 */
async function requireEmbedder(
  reference: string,
  { engine }: Pick<Services, "engine">,
): Promise<void> {
  const { sourceKind, task, supportLevel } = await engine.inspectModel(reference);
  if (sourceKind === "opaque") throw modelNotFound(reference);
  // Of a repository that nobody looked at yet, nobody knows.
  if (task === "embed" || supportLevel === "unsupported") return;
  throw badRequest(
    "model",
    `Invalid "model": ${JSON.stringify(reference)} generates text and was not trained for ` +
      "embeddings; use an embedding model",
    "model_not_supported",
  );
}

/** One input or several, each a text or token ids. */
function toInputs(input: EmbeddingRequest["input"]): EmbedRequest["inputs"] {
  if (typeof input === "string") return [input];
  return (typeof input[0] === "number" ? [input] : input) as EmbedRequest["inputs"];
}

/**
 * The first numbers of a vector, as Matryoshka training makes them good for, again of length 1.
 *
 * @see arXiv:2205.13147
 */
function shorten(vector: Float32Array, dimensions: number): Float32Array {
  if (dimensions > vector.length) {
    throw badRequest(
      "dimensions",
      `Invalid "dimensions": the model's vectors have ${vector.length} numbers, ${dimensions} were asked for`,
    );
  }
  const head = vector.slice(0, dimensions);
  const length = Math.hypot(...head);
  return length === 0 ? head : head.map((x) => x / length);
}

/** Numbers, or the bytes of little-endian f32 in base64. */
function encode(
  vector: Float32Array,
  { encoding_format: format }: Pick<EmbeddingRequest, "encoding_format">,
): number[] | string {
  if (format !== "base64") return [...vector];
  const bytes = Buffer.alloc(4 * vector.length);
  vector.forEach((x, i) => bytes.writeFloatLE(x, 4 * i));
  return bytes.toString("base64");
}
