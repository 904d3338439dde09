/**
 * The ways to ask a server for one greedy answer, and what its client sees of it.
 *
 * @module
 */

/** One answer as its reader sees it; times in ms from the request on. */
export interface Answer {
  numTokens: number;
  /** To the first text; the end where all comes at once. */
  firstMs: number;
  /** To the end. */
  totalMs: number;
}

/** Tokens a second: behind the first one, or of the whole time where all comes at once. */
export function computeRate({ numTokens, firstMs, totalMs }: Answer, isStream: boolean): number {
  return isStream ? 1000 * (numTokens - 1) / (totalMs - firstMs) : 1000 * numTokens / totalMs;
}

/** What is asked for. */
export interface Question {
  model: string;
  prompt: string;
  maxTokens: number;
  /** Token ids that the answer does not have: without ends of text it has as many tokens as are asked for. */
  bannedTokens: readonly number[];
}

/** One way to ask. */
export interface Route {
  name: string;
  path: string;
  isStream: boolean;
  toBody(question: Question): Record<string, unknown>;
  /** Text of an event. */
  readText(event: unknown): string;
  /** Tokens of the answer, by its last event or by the whole reply. */
  readCount(reply: unknown): number;
}

/** The fields of all replies that are read here. */
interface Reply {
  choices?: { text?: string; delta?: { content?: string } }[];
  usage?: { completion_tokens?: number; output_tokens?: number };
  type?: string;
  delta?: string;
  response?: Reply;
}

const CHAT = {
  path: "/v1/chat/completions",
  toBody: ({ prompt, maxTokens }: Question) => ({
    messages: [{ role: "user", content: prompt }],
    max_completion_tokens: maxTokens,
  }),
  readText: (event: unknown) => (event as Reply).choices?.[0]?.delta?.content ?? "",
  readCount: (reply: unknown) => (reply as Reply).usage?.completion_tokens ?? NaN,
};

const COMPLETIONS = {
  path: "/v1/completions",
  toBody: ({ prompt, maxTokens }: Question) => ({ prompt, max_tokens: maxTokens }),
  readText: (event: unknown) => (event as Reply).choices?.[0]?.text ?? "",
  readCount: CHAT.readCount,
};

const RESPONSES = {
  path: "/v1/responses",
  toBody: ({ prompt, maxTokens }: Question) => ({ input: prompt, max_output_tokens: maxTokens }),
  readText(event: unknown): string {
    const { type, delta = "" } = event as Reply;
    return type === "response.output_text.delta" ? delta : "";
  },
  readCount(reply: unknown): number {
    const { response = reply as Reply } = reply as Reply;
    return response.usage?.output_tokens ?? NaN;
  },
};

/** All of them. */
export const ROUTES: readonly Route[] = [
  { name: "chat completions, stream", ...CHAT, isStream: true },
  { name: "completions, stream", ...COMPLETIONS, isStream: true },
  { name: "responses, stream", ...RESPONSES, isStream: true },
  { name: "chat completions, whole", ...CHAT, isStream: false },
  { name: "completions, whole", ...COMPLETIONS, isStream: false },
  { name: "responses, whole", ...RESPONSES, isStream: false },
];

/**
 * Asks a server and reads the answer to its end.
 *
 * @throws {Error} the server refuses
 */
export async function ask(url: string, route: Route, question: Question): Promise<Answer> {
  const start = performance.now();
  const response = await fetch(url + route.path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...route.toBody(question),
      model: question.model,
      temperature: 0,
      logit_bias: Object.fromEntries(question.bannedTokens.map((id) => [id, -100])),
      stream: route.isStream,
      ...(route.isStream ? { stream_options: { include_usage: true } } : {}),
    }),
  });
  if (!response.ok) {
    throw new Error(`The server answers ${response.status}: ${await response.text()}`);
  }
  if (!route.isStream) {
    const numTokens = route.readCount(await response.json());
    const totalMs = performance.now() - start;
    return { numTokens, firstMs: totalMs, totalMs };
  }
  let firstMs = NaN;
  let last: unknown;
  for await (const data of readEvents(response.body!)) {
    if (data === "[DONE]") continue;
    last = JSON.parse(data);
    if (Number.isNaN(firstMs) && route.readText(last) !== "") firstMs = performance.now() - start;
  }
  return { numTokens: route.readCount(last), firstMs, totalMs: performance.now() - start };
}

/** The `data` of server-sent events; ours are one line each. */
export async function* readEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  for await (const line of readLines(body)) {
    if (line.startsWith("data: ")) yield line.slice("data: ".length);
  }
}

/** Lines as they come, without their ends; what follows the last end is no line. */
export async function* readLines(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let pending = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split("\n");
    pending = lines.pop()!;
    yield* lines;
  }
}
