/**
 * Loading a model before anyone needs it, and giving its memory back before anyone else does.
 *
 * @module
 */
import { createCancellation } from "../cancellation.ts";
import type { AppContext, Services } from "../context.ts";
import { modelNotFound } from "../errors.ts";
import { admitReference } from "../model_reference.ts";
import { toKeepAlive } from "../schema/keep_alive.ts";
import { LoadQuery } from "../schema/native.ts";
import { parseQuery } from "../schema/parse.ts";

/** `POST /v1/ollm/models/{model_reference}/load`: answers when the model is loaded, downloaded if needed. */
export function loadModel(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const { backend, keep_alive } = parseQuery(LoadQuery, c.req.query());
    const model = readReference(c, services);
    const cancellation = createCancellation(c.req.raw.signal, services);
    try {
      await services.engine.load(model, undefined, {
        signal: cancellation.signal,
        ...(backend === undefined ? {} : { backend }),
        ...toKeepAlive(keep_alive),
      });
      return c.json({ model, state: "loaded" });
    } finally {
      cancellation.end();
    }
  };
}

/** `POST /v1/ollm/models/{model_reference}/unload`: ends the model's worker at once; its generations end with an error. */
export function unloadModel(services: Services) {
  const { engine } = services;
  return async (c: AppContext): Promise<Response> => {
    const model = readReference(c, services);
    const { sourceKind } = await engine.inspectModel(model);
    if (sourceKind === "opaque") throw modelNotFound(model);
    return c.json({ model, state: "unloaded", was_loaded: await engine.unload(model) });
  };
}

/** @throws {ApiError} 400 for a blank reference, 404 for one that can name nothing here */
function readReference(c: AppContext, { defaults }: Pick<Services, "defaults">): string {
  return admitReference(c.req.param("model_reference") ?? "", defaults);
}
