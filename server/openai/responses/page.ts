/**
 * Lists of items, a page at a time.
 *
 * @module
 */
import type { AppContext } from "../../context.ts";
import { badRequest } from "../../errors.ts";
import type { ItemPage, PageQuery } from "../../stores/response_store.ts";

/**
 * Reads `limit`, `order` and `after`.
 *
 * @throws {ApiError} 400 with `param`
 */
export function readPageQuery(c: AppContext): PageQuery {
  const limit = Number(c.req.query("limit") ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw badRequest("limit", 'Invalid "limit": expected an integer from 1 to 100');
  }
  const order = c.req.query("order") ?? "desc";
  if (order !== "asc" && order !== "desc") {
    throw badRequest("order", 'Invalid "order": expected "asc" or "desc"');
  }
  return { limit, order, after: c.req.query("after") };
}

/**
 * OpenAI's list.
 *
 * @param page undefined where `after` names no item of the list
 */
export function toPageBody(page: ItemPage | undefined) {
  if (page === undefined) {
    throw badRequest("after", 'Invalid "after": the list has no item of this id');
  }
  return {
    object: "list",
    data: page.items,
    first_id: page.items[0]?.id ?? null,
    last_id: page.items.at(-1)?.id ?? null,
    has_more: page.hasMore,
  };
}
