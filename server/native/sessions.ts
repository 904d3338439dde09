/**
 * Conversations that the server keeps: the native routes over `sessions/`. The engine finds the shared beginning of a
 * transcript in its prefix cache; nothing here knows of it.
 *
 * @module
 */
import type { ChatMessage } from "../../engine/mod.ts";
import type { Cancellation } from "../cancellation.ts";
import type { AppContext, Services } from "../context.ts";
import { ApiError } from "../errors.ts";
import { isAllowedReference } from "../model_reference.ts";
import { SessionPromptRequest, SessionRequest } from "../schema/native.ts";
import { parseNative } from "../schema/parse.ts";
import type { Session, Turn } from "../sessions/session.ts";
import { sseReply } from "../sse.ts";
import { createCancellation } from "../cancellation.ts";
import { finishRun, promptFrames, type PromptRun, startRun } from "./run.ts";

/** `POST /v1/sessions`: fixes model, system prompt and sampling. Whether the model exists shows at the first prompt. */
export function createSession(services: Services) {
  const { engine, defaults, sessions } = services;
  return async (c: AppContext): Promise<Response> => {
    const settings = parseNative(SessionRequest, c.get("body"));
    const { backend } = settings.runtime;
    const model = (settings.runtime.model_reference ?? defaults.model).trim();
    if (model === "") {
      throw new ApiError(400, "model_reference is blank: expected a model reference");
    }
    // Refuses a backend that does not exist.
    if (backend && isAllowedReference(model, defaults)) await engine.plan({ model, backend });
    const runtime = { ...settings.runtime, model_reference: model };
    return c.json(toRecord(sessions.create({ ...settings, runtime })));
  };
}

/** `GET /v1/sessions/{session_id}`. */
export function retrieveSession({ sessions }: Services) {
  return (c: AppContext): Response => c.json(toRecord(findSession(c, { sessions })));
}

/** `POST /v1/sessions/{session_id}/prompt`: the next turn. */
export function promptSession(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const { run, turn } = await startTurn(c, services);
    try {
      const reply = await finishRun(run);
      turn.commit(reply.text);
      return c.json(reply);
    } finally {
      turn.end();
    }
  };
}

/** `POST /v1/sessions/{session_id}/prompt/stream`: the next turn as events; the session is held until they end. */
export function streamSessionPrompt(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const { run, turn } = await startTurn(c, services);
    const { limits } = services;
    const onComplete = (text: string) => turn.commit(text);
    return await sseReply(run.started, promptFrames(run, { ...limits, onComplete }), {
      ...limits,
      onAbort: () => {
        run.cancellation.abort();
        turn.end();
      },
      onEnd: () => {
        run.cancellation.end();
        turn.end();
      },
    });
  };
}

async function startTurn(
  c: AppContext,
  services: Services,
): Promise<{ run: PromptRun; turn: Turn }> {
  const session = findSession(c, services);
  const { prompt } = parseNative(SessionPromptRequest, c.get("body"));
  const cancellation = createCancellation(c.req.raw.signal, services);
  const turn = await waitForTurn(session, prompt, cancellation);
  const { system_prompt: content } = session.settings;
  const messages = content === ""
    ? turn.messages
    : [{ role: "system" as const, content }, ...turn.messages];
  return { run: startRun({ ...session.settings, messages }, services, cancellation), turn };
}

async function waitForTurn(
  session: Session,
  prompt: string,
  cancellation: Cancellation,
): Promise<Turn> {
  try {
    return await session.begin(prompt, cancellation.signal);
  } catch (error) {
    const isCancelled = cancellation.signal.aborted;
    cancellation.abort();
    throw isCancelled ? cancellation.toError() : error;
  }
}

function findSession(c: AppContext, { sessions }: Pick<Services, "sessions">): Session {
  return sessions.get(c.req.param("session_id") ?? "");
}

function toRecord({ id, settings, messages }: Session) {
  return {
    session_id: id,
    session_name: settings.session_name,
    model_reference: settings.runtime.model_reference,
    system_prompt: settings.system_prompt,
    messages: messages.map(toMessageRecord),
  };
}

function toMessageRecord({ role, content }: ChatMessage) {
  return { role, content: [{ type: "text", value: content }] };
}
