/**
 * What is on this machine and how it would be run. An unknown model is an answer here, not an error.
 *
 * @module
 */
import { type RuntimeOptions, toModelInfoRecord } from "../../engine/mod.ts";
import type { AppContext, Services } from "../context.ts";
import { ApiError } from "../errors.ts";
import { ModelQuery, ModelsQuery } from "../schema/native.ts";
import { parseQuery } from "../schema/parse.ts";
import { planReference } from "./plan.ts";

const PREFIX = "/v1/ollm/models/";

/** `GET /v1/ollm/models`: every entry with its plan; damaged packages and what can be downloaded too. */
export function listModelInfos({ engine }: Services) {
  return async (c: AppContext): Promise<Response> => {
    const query = parseQuery(ModelsQuery, c.req.query());
    const options = toPlanOptions(query);
    const { modelsDir } = options;
    const models = await engine.listModels(modelsDir === undefined ? {} : { modelsDir });
    const shown = query.installed ? models.filter(({ materialized }) => materialized) : models;
    const records = await Promise.all(shown.map(async (model) => {
      const plan = await engine.plan({ ...options, model: model.reference });
      return { ...toModelInfoRecord(plan), discovery_source: model.discoverySource };
    }));
    return c.json({ models: records });
  };
}

/** `GET /v1/ollm/models/{model_reference}`; the reference is the rest of the path, so it may hold slashes. */
export function retrieveModelInfo(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const query = parseQuery(ModelQuery, c.req.query());
    const model = decodeReference(c.req.path);
    const plan = await planReference({ ...toPlanOptions(query), model }, services);
    return c.json({ ...toModelInfoRecord(plan), discovery_source: null });
  };
}

/** @throws {ApiError} 400 for options that contradict each other */
function toPlanOptions(query: ModelQuery): RuntimeOptions {
  const { backend, models_dir: modelsDir } = query;
  const isSpecialized = !query.no_specialization;
  if (!isSpecialized && /^\s*(?:wgsl|optimized-native)\s*$/i.test(backend ?? "")) {
    throw new ApiError(400, `no_specialization contradicts backend=${backend!.trim()}`);
  }
  return {
    ...(backend === undefined ? isSpecialized ? {} : { backend: "web-llm" } : { backend }),
    ...(modelsDir === undefined ? {} : { modelsDir }),
  };
}

function decodeReference(path: string): string {
  let reference: string;
  try {
    reference = decodeURIComponent(path.slice(PREFIX.length)).trim();
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new ApiError(400, "The model reference in the path is not percent-encoded UTF-8");
  }
  if (reference !== "") return reference;
  throw new ApiError(400, "The path ends without a model reference");
}
