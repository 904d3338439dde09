import type { AppContext, Services } from "../context.ts";

/** `GET /v1/health`: the process answers; says nothing of models or devices. */
export function health({ version }: Services) {
  return (c: AppContext): Response =>
    c.json({ ok: true, service: "ollm", version, server_mode: "local-only" });
}
