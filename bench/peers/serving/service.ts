/**
 * One generation as a client sees it, through the engine in this process or through a server.
 *
 * @module
 */
import { createEngine } from "../../../engine/mod.ts";

/** What is asked for; greedy. */
export interface ServiceRequest {
  prompt: string;
  maxTokens: number;
  signal?: AbortSignal;
  /** Told of each piece of text when it comes. */
  onText?: () => void;
}

/** When what came; times as of `performance.now()`. */
export interface Generation {
  start: number;
  /** Of each piece of text; a token is one piece, except where a character or a stop sequence takes several. */
  times: number[];
  numPromptTokens: number;
  numCachedTokens: number;
  numOutputTokens: number;
}

/** Something that generates. */
export interface Service {
  /** Ends without a usage when it was aborted: all counts are 0. */
  generate(request: ServiceRequest): Promise<Generation>;
  close(): Promise<void>;
}

/** The engine as a library; the model is loaded when it resolves. */
export async function openEngineService(model: string): Promise<Service> {
  // Random weights soon repeat themselves: drafts would be measured, not steps.
  const engine = createEngine({ speculation: "off" });
  await engine.load(model);
  return {
    async generate({ prompt, maxTokens, signal, onText }) {
      const result = begin();
      const options = signal ? { signal } : {};
      const request = { model, prompt, maxTokens, sampling: { temperature: 0 } };
      for await (const event of await engine.generate(request, options)) {
        if (event.type === "text" && event.text !== "") note(result, onText);
        if (event.type === "finish" && event.reason !== "cancelled") {
          const { numPromptTokens, numCachedTokens, numOutputTokens } = event.usage;
          Object.assign(result, { numPromptTokens, numCachedTokens, numOutputTokens });
        }
      }
      return result;
    },
    close: () => engine.close(),
  };
}

/** A server on this machine. */
export function connectHttpService(url: string, model: string): Service {
  return {
    async generate({ prompt, maxTokens, signal, onText }) {
      const result = begin();
      const response = await fetch(`${url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model,
          prompt,
          max_tokens: maxTokens,
          temperature: 0,
          stream: true,
          stream_options: { include_usage: true },
        }),
        ...(signal ? { signal } : {}),
      });
      if (!response.ok || response.body === null) {
        throw new Error(`The server answers ${response.status}: ${await response.text()}`);
      }
      try {
        for await (const data of readEvents(response.body)) readChunk(data, result, onText);
      } catch (error) {
        if (!signal?.aborted) throw error;
      }
      return result;
    },
    close: () => Promise.resolve(),
  };
}

function begin(): Generation {
  const counts = { numPromptTokens: 0, numCachedTokens: 0, numOutputTokens: 0 };
  return { start: performance.now(), times: [], ...counts };
}

function note(result: Generation, onText: (() => void) | undefined): void {
  result.times.push(performance.now());
  onText?.();
}

/** The `data` of server-sent events; ours are one line each. */
async function* readEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let pending = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split("\n");
    pending = lines.pop()!;
    for (const line of lines) if (line.startsWith("data: ")) yield line.slice("data: ".length);
  }
}

function readChunk(data: string, result: Generation, onText: (() => void) | undefined): void {
  if (data === "[DONE]") return;
  const { choices, usage, error } = JSON.parse(data);
  if (error) throw new Error(`The server's stream ends with ${JSON.stringify(error)}`);
  if (choices?.[0]?.text) note(result, onText);
  if (!usage) return;
  result.numPromptTokens = usage.prompt_tokens;
  result.numCachedTokens = usage.prompt_tokens_details.cached_tokens;
  result.numOutputTokens = usage.completion_tokens;
}
