import type { AppContext, Services } from "../context.ts";

/**
 * `GET /v1/health`: the process answers; says nothing of models or devices, and to a caller without the key nothing of
 * itself.
 */
export function health({ version }: Services) {
  return (c: AppContext): Response => {
    if (!c.get("isAuthorized")) return c.json({ ok: true });
    return c.json({ ok: true, service: "ollm", version, server_mode: "local-only" });
  };
}
