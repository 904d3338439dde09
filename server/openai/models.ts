import type { ModelInfo } from "../../engine/mod.ts";
import type { AppContext, Services } from "../context.ts";
import { ApiError, badRequest, modelNotFound } from "../errors.ts";
import { admitReference } from "../model_reference.ts";

/** `GET /v1/models`: every model that answers at once, the operator's own default included. What would be downloaded is not listed. */
export function listModels({ engine, defaults }: Services) {
  return async (c: AppContext): Promise<Response> => {
    const models = await engine.listModels();
    const byDefault = await engine.inspectModel(defaults.model);
    const isListed = models.some((model) => model.path === byDefault.path);
    const all = isListed ? models : [...models, byDefault];
    const data = all.filter(isUsable).toSorted(bySourceThenName).map(toModel);
    return c.json({ object: "list", data });
  };
}

/** `GET /v1/models/{id}`; the id is the rest of the path, so it may hold slashes. */
export function retrieveModel({ engine, defaults }: Services) {
  return async (c: AppContext): Promise<Response> => {
    const id = decodeRest(c.req.path, "/v1/models/");
    const reference = admitReference(id, defaults);
    const model = await engine.inspectModel(reference);
    if (!isUsable(model)) throw refuse(reference, model);
    return c.json(toModel(model));
  };
}

/** A damaged or absent package is not offered to anyone; `ollm models list` says what is wrong with it. */
function isUsable({ materialized, supportLevel }: ModelInfo): boolean {
  return materialized && supportLevel !== "unsupported";
}

/** A model that could be fetched is not here either, but its first request changes that. */
function refuse(reference: string, { repository, materialized }: ModelInfo): ApiError {
  if (repository === null || materialized) return modelNotFound(reference);
  return new ApiError(
    404,
    `The model ${
      JSON.stringify(reference)
    } is not on this machine: its first request downloads it, ` +
      `and so does "ollm models download ${reference}"`,
    { param: "model", code: "model_not_found" },
  );
}

function decodeRest(path: string, prefix: string): string {
  try {
    return decodeURIComponent(path.slice(prefix.length));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw badRequest("model", "The model id in the path is not percent-encoded UTF-8");
  }
}

function bySourceThenName(a: ModelInfo, b: ModelInfo): number {
  return compare(a.sourceKind, b.sourceKind) || compare(a.reference, b.reference);
}

/** By code unit: the same on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function toModel({ reference, repository, createdAt }: ModelInfo) {
  return {
    id: reference,
    object: "model",
    created: createdAt,
    owned_by: ownerOf(repository ?? reference),
  };
}

/** The organization of `org/name`. */
function ownerOf(name: string): string {
  const slash = name.indexOf("/");
  return slash > 0 ? name.slice(0, slash) : "ollm";
}
