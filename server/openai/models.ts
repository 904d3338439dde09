import type { ModelInfo } from "../../engine/mod.ts";
import type { AppContext, Services } from "../context.ts";
import { badRequest, modelNotFound } from "../errors.ts";
import { admitReference } from "../model_reference.ts";

/** `GET /v1/models`: every model that a request may name, the operator's own default included. */
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
    if (!isUsable(model)) throw modelNotFound(reference);
    return c.json(toModel(model));
  };
}

/** A damaged package is not offered to anyone; `ollm models list` says what is wrong with it. */
function isUsable({ supportLevel }: ModelInfo): boolean {
  return supportLevel !== "unsupported";
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

function toModel({ reference, createdAt }: ModelInfo) {
  return { id: reference, object: "model", created: createdAt, owned_by: ownerOf(reference) };
}

/** The organization of `org/name`. */
function ownerOf(reference: string): string {
  const slash = reference.indexOf("/");
  return slash > 0 ? reference.slice(0, slash) : "ollm";
}
