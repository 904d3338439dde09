import {
  describeOpaque,
  planNothing,
  type RuntimeOptions,
  type RuntimePlan,
  toPlanRecord,
} from "../../engine/mod.ts";
import type { AppContext, Services } from "../context.ts";
import { ApiError } from "../errors.ts";
import { isAllowedReference } from "../model_reference.ts";
import { PlanRequest } from "../schema/native.ts";
import { parseNative } from "../schema/parse.ts";

/** `POST /v1/plan`: what loading would do. An unknown model is an answer here, not an error. */
export function createPlan(services: Services) {
  const { defaults } = services;
  return async (c: AppContext): Promise<Response> => {
    const { runtime } = parseNative(PlanRequest, c.get("body"));
    const model = (runtime.model_reference ?? defaults.model).trim();
    if (model === "") {
      throw new ApiError(400, "model_reference is blank: expected a model reference");
    }
    const backend = runtime.backend ?? undefined;
    const contextLength = runtime.context_length ?? undefined;
    const maxSequences = runtime.max_sequences ?? undefined;
    const plan = await planReference({
      model,
      ...(backend === undefined ? {} : { backend }),
      ...(contextLength === undefined ? {} : { contextLength }),
      ...(maxSequences === undefined ? {} : { maxSequences }),
    }, services);
    return c.json(toPlanRecord(plan, {
      model_reference: model,
      models_dir: defaults.modelsDir,
      backend: backend ?? null,
      context_length: contextLength ?? null,
      max_sequences: maxSequences ?? null,
    }));
  };
}

const NO_NAME = "this reference is not a model name";

/** Plans a reference that came over HTTP. */
export async function planReference(
  options: RuntimeOptions & { model: string },
  { engine, defaults }: Pick<Services, "engine" | "defaults">,
): Promise<RuntimePlan> {
  return isAllowedReference(options.model, defaults)
    ? await engine.plan(options)
    // Not asked of the engine: it would look for a path.
    : planNothing(describeOpaque(options.model, NO_NAME), [NO_NAME]);
}
