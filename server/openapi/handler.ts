import type { AppContext } from "../context.ts";
import { createDocument, type DocumentedRoute, type DocumentOptions } from "./document.ts";

/**
 * `GET /openapi.json`, made when it is first asked for.
 *
 * @param getRoutes the whole route table, this route included
 */
export function openApi(getRoutes: () => readonly DocumentedRoute[], options: DocumentOptions) {
  let document: Record<string, unknown> | undefined;
  return (c: AppContext): Response => {
    document ??= createDocument(getRoutes(), options);
    return c.json(document);
  };
}
