import type { Generation } from "../../../engine/mod.ts";
import { createCancellation } from "../../cancellation.ts";
import type { AppContext, Services } from "../../context.ts";
import { badRequest } from "../../errors.ts";
import { randomId } from "../../ids.ts";
import { parseOpenAi } from "../../schema/parse.ts";
import { CreateResponseRequest } from "../../schema/responses.ts";
import { type SseFrame, sseReply, sseResponse } from "../../sse.ts";
import { withKeepAlive } from "../../waiting.ts";
import { BackgroundRun } from "./background.ts";
import { planResponse, type ResponsePlan, warnIgnored } from "./create_request.ts";
import { keepResponse } from "./keep.ts";
import { ResponseMachine } from "./machine.ts";
import { createResponseObject } from "./response.ts";
import { failEvent, type ResponseRun, toFrame, toResponsesError, writeResponse } from "./run.ts";

/** `POST /v1/responses`: as one object, as a stream, or in the background. */
export function createResponse(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const request = parseOpenAi(CreateResponseRequest, c.get("body"));
    warnIgnored(c.get("body"), request);
    const isStream = request.stream ?? false;
    if (request.background) requireStore(request, services);
    const plan = await planResponse(request, services);
    if (plan.echo.background) return await answerInBackground(plan, isStream, services);
    const run = startRun(plan, c.req.raw.signal, services);
    return isStream ? await answerWithStream(run, services) : await answerAtOnce(c, run);
  };
}

/** Whoever polls later must find something. */
function requireStore({ store }: CreateResponseRequest, { responses }: Services): void {
  if (responses.store !== null && store !== false) return;
  throw badRequest(
    "background",
    responses.store === null
      ? 'Invalid "background": it needs a response store; start the server with ' +
        "--response-store-backend memory or sqlite"
      : 'Invalid "background": it cannot be used together with "store": false',
  );
}

function startRun(plan: ResponsePlan, clientSignal: AbortSignal, services: Services): ResponseRun {
  const cancellation = createCancellation(clientSignal, services);
  const generation = services.engine.generate(plan.generation, { signal: cancellation.signal });
  // Whoever reads the run awaits it, maybe later than it fails.
  generation.catch(() => {});
  return {
    machine: createMachine(plan, "in_progress"),
    generation,
    cancellation,
    commit: (response) => keepResponse(response, plan, services),
  };
}

async function answerAtOnce(c: AppContext, run: ResponseRun): Promise<Response> {
  try {
    const events = writeResponse(run);
    while (!(await events.next()).done);
    return c.json(run.machine.response);
  } finally {
    run.cancellation.end();
  }
}

async function answerWithStream(run: ResponseRun, { limits }: Services): Promise<Response> {
  const { cancellation, generation } = run;
  try {
    return await sseReply(generation, runFrames(run, limits.keepAliveMs), {
      ...limits,
      openAfterMs: limits.keepAliveMs,
      // The frames have a keep-alive of their own.
      keepAliveMs: 2 * limits.keepAliveMs,
      onAbort: () => cancellation.abort(),
      onEnd: () => cancellation.end(),
    });
  } catch (error) {
    throw toResponsesError(error);
  }
}

async function* runFrames(run: ResponseRun, silenceMs: number): AsyncGenerator<SseFrame> {
  const { machine } = run;
  const events = withKeepAlive(writeResponse(run), {
    silenceMs,
    create: () => machine.keepAlive(),
  });
  try {
    for await (const event of events) yield toFrame(event);
  } catch (error) {
    yield toFrame(failEvent(machine, error));
  }
}

async function answerInBackground(
  plan: ResponsePlan,
  isStream: boolean,
  services: Services,
): Promise<Response> {
  const { responses: { store, runs }, limits } = services;
  const cancellation = createCancellation(new AbortController().signal, services);
  const machine = createMachine(plan, "queued");
  const queued = machine.response;
  let generation: Generation;
  try {
    // What can be refused is refused now, while somebody listens.
    generation = await services.engine.generate(plan.generation, { signal: cancellation.signal });
    await store!.putResponse({ response: queued, input: plan.prompt.items });
  } catch (error) {
    cancellation.abort();
    throw toResponsesError(error);
  }
  const run = new BackgroundRun(
    { machine, generation: Promise.resolve(generation), cancellation },
    {
      silenceMs: limits.keepAliveMs,
      keep: (response, events) => keepResponse(response, plan, services, events),
    },
  );
  runs.add(queued.id, run);
  return isStream ? followRun(run, -1, services) : Response.json(queued);
}

/** A stream of a run's events; the run goes on when its reader leaves. */
export function followRun(run: BackgroundRun, after: number, { limits }: Services): Response {
  return sseResponse(followFrames(run, after), {
    ...limits,
    // The run keeps its readers alive.
    keepAliveMs: 2 * limits.keepAliveMs,
    onAbort: () => {},
    onEnd: () => {},
  });
}

async function* followFrames(run: BackgroundRun, after: number): AsyncGenerator<SseFrame> {
  for await (const event of run.follow(after)) yield toFrame(event);
}

function createMachine(
  { echo, generation, isReasoningSummarized }: ResponsePlan,
  status: "queued" | "in_progress",
): ResponseMachine {
  const now = () => Math.floor(Date.now() / 1000);
  const response = createResponseObject(randomId("resp_"), now(), echo);
  return new ResponseMachine({ ...response, status }, {
    newId: randomId,
    now,
    hasLogprobs: generation.sampling?.logprobs !== undefined,
    isReasoningSummarized,
  });
}
