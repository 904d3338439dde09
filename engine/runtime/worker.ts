/**
 * Entry of the worker that owns one model and its device. It computes steps as long as there is work and looks at its
 * messages between two of them; the isolate that serves never waits for the device.
 *
 * @module
 */
import { ModelInvalidError, toErrorRecord } from "../errors.ts";
import type { GenerationEvent, GenerationRequest } from "../types.ts";
import type { GrammarFollower } from "./grammar_follower.ts";
import { loadModel } from "./load_model.ts";
import { ModelEngine } from "./model_engine.ts";
import type { LoadOptions, WorkerAnswer, WorkerReply, WorkerRequest } from "./protocol.ts";
import { StepLoop } from "./step_loop.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;
/** The sender's id of each generation → the engine's. */
const generationIds = new Map<number, number>();
/** The sender's ids of requests that are not accepted yet. */
const opening = new Set<number>();
/** Events of the current step, sent as one message. */
let outbox: [number, GenerationEvent][] = [];
let engine: ModelEngine | null = null;

function post(reply: WorkerReply): void {
  scope.postMessage(reply);
}

function flush(): void {
  if (outbox.length === 0) return;
  post({ type: "events", events: outbox });
  outbox = [];
}

async function load(options: LoadOptions): Promise<ModelEngine> {
  const loaded = await loadModel(
    options,
    (share, stage) => post({ type: "progress", share, stage }),
  );
  if (loaded.task !== "generate") throw new ModelInvalidError(`"${options.model}" embeds texts`);
  const { model, maxWaiting, defaultMaxTokens } = options;
  return new ModelEngine({ ...loaded, model, maxWaiting, defaultMaxTokens });
}

async function generate(id: number, request: GenerationRequest): Promise<void> {
  opening.add(id);
  const grammar = await engine!.constrain(request);
  try {
    submit(id, request, grammar);
  } catch (error) {
    grammar?.close();
    throw error;
  }
  if (!opening.delete(id)) cancel(id); // unwanted since
}

function submit(id: number, request: GenerationRequest, grammar: GrammarFollower | null): void {
  const accepted = engine!.submit(request, {
    onEvent(event) {
      outbox.push([id, event]);
      if (event.type === "finish") generationIds.delete(id);
    },
    onError(error) {
      flush();
      generationIds.delete(id);
      post({ type: "error", id, error: toErrorRecord(error) });
    },
  }, grammar);
  generationIds.set(id, accepted.id);
  post({ type: "accepted", id, numPromptTokens: accepted.numPromptTokens });
}

function cancel(id: number): void {
  const generationId = generationIds.get(id);
  if (generationId !== undefined) engine!.cancel(generationId);
  flush();
}

function answer(id: number, compute: () => WorkerAnswer): void {
  try {
    post({ type: "answer", id, value: compute() });
  } catch (error) {
    post({ type: "error", id, error: toErrorRecord(error) });
  }
}

/** Resolves after the messages that have arrived were handled; a timer would sleep a millisecond. */
function handleMessages(): Promise<void> {
  return new Promise((resolve) => {
    turn.port2.onmessage = () => resolve();
    turn.port1.postMessage(null);
  });
}
const turn = new MessageChannel();

const loop = new StepLoop({
  step: () => engine!.step(),
  async rest() {
    flush();
    await handleMessages();
  },
  onError(error) {
    engine!.failAll(error);
    post({ type: "failed", error: toErrorRecord(error) });
  },
});

async function handle(message: WorkerRequest): Promise<void> {
  switch (message.type) {
    case "load":
      try {
        engine = await load(message.options);
        post({ type: "loaded" });
      } catch (error) {
        post({ type: "failed", error: toErrorRecord(error) });
      }
      break;
    case "generate":
      try {
        await generate(message.id, message.request);
      } catch (error) {
        opening.delete(message.id);
        post({ type: "error", id: message.id, error: toErrorRecord(error) });
      }
      await loop.wake();
      break;
    case "cancel":
      if (!opening.delete(message.id)) cancel(message.id);
      break;
    case "tokenize":
      answer(message.id, () => engine!.tokenize(message.request));
      break;
    case "detokenize":
      answer(message.id, () => engine!.detokenize(message.tokens));
      break;
    case "ping":
      post({ type: "pong" });
      break;
    case "stats":
      answer(message.id, () => engine!.stats());
  }
}

scope.onmessage = ({ data }: MessageEvent<WorkerRequest>) => void handle(data);
