/**
 * Runs generations for a request, and reads their events to the end or merged as they come. Knows no route.
 *
 * @module
 */
import type {
  ChosenTokenLogprob,
  Engine,
  Generation,
  GenerationEvent,
  GenerationRequest,
} from "../engine/mod.ts";
import type { Cancellation } from "./cancellation.ts";

/** The last event of a generation. */
export type FinishEvent = Extract<GenerationEvent, { type: "finish" }>;

/** A function call of a reply. */
export interface CollectedCall {
  name: string;
  /** JSON text. */
  arguments: string;
}

/** A generation read to its end. */
export interface CollectedReply {
  text: string;
  /** What the model thought before it answered. */
  reasoning: string;
  calls: CollectedCall[];
  /** Null when none were asked for. */
  logprobs: ChosenTokenLogprob[] | null;
  finish: FinishEvent;
}

/**
 * Queues all requests, or none of them.
 *
 * @throws {EngineError} the first refusal; the others are cancelled
 */
export async function acceptAll(
  engine: Engine,
  requests: GenerationRequest[],
  cancellation: Cancellation,
): Promise<Generation[]> {
  const { signal } = cancellation;
  try {
    return await Promise.all(requests.map((request) => engine.generate(request, { signal })));
  } catch (error) {
    cancellation.abort();
    throw error;
  }
}

/**
 * Reads a generation to its end.
 *
 * @throws {ApiError} it was cancelled
 */
export async function collect(
  generation: Generation,
  cancellation: Cancellation,
): Promise<CollectedReply> {
  const reply: Omit<CollectedReply, "finish"> = {
    text: "",
    reasoning: "",
    calls: [],
    logprobs: null,
  };
  for await (const event of generation) {
    switch (event.type) {
      case "text":
        reply.text += event.text;
        if (event.logprobs) (reply.logprobs ??= []).push(...event.logprobs);
        break;
      case "reasoning":
        reply.reasoning += event.text;
        break;
      case "tool_call":
        reply.calls[event.index] = { name: event.name, arguments: "" };
        break;
      case "tool_call_arguments":
        reply.calls[event.index]!.arguments += event.text;
        break;
      case "finish":
        if (event.reason === "cancelled") throw cancellation.toError();
        return { ...reply, finish: event };
    }
  }
  throw cancellation.toError();
}

/** An event of one of several generations. */
export interface IndexedEvent {
  /** Position in the list that was merged. */
  index: number;
  event: GenerationEvent;
}

/** Events of several generations in the order in which they come. Leaving early leaves all of them. */
export async function* mergeEvents(generations: Generation[]): AsyncGenerator<IndexedEvent> {
  const [first] = generations;
  if (generations.length === 1) {
    for await (const event of first!) yield { index: 0, event };
    return;
  }
  const iterators = generations.map((generation) => generation[Symbol.asyncIterator]());
  const next = (index: number) => iterators[index]!.next().then((result) => ({ index, result }));
  const pending = new Map(iterators.map((_, index) => [index, next(index)]));
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      if (result.done) {
        pending.delete(index);
        continue;
      }
      pending.set(index, next(index));
      yield { index, event: result.value };
    }
  } finally {
    for (const index of pending.keys()) {
      // A read that is under way fails on its own when another one has failed already.
      pending.get(index)!.catch(() => {});
      void iterators[index]!.return?.();
    }
  }
}
