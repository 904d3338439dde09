/**
 * Compares one greedy stream over HTTP with the same stream straight from the engine: both in turns on one worker. Prints a
 * Markdown table.
 *
 *     deno run -A bench/http.ts [--runs 15] [--generate 250] [--against CHECKOUT]
 *
 * `--against` measures another checkout of this repository as well, in the same turns.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { formatSpread, formatTable } from "./report.ts";
import type { Stream } from "./served_engine.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MODEL = "ollm-tiny";
const MESSAGES = [{ role: "user", content: "Tell me a long story about a fox." }];
/** The model's ends of text: without them its answers have as many tokens as are asked for. */
const NO_END = { 0: -100, 2: -100 };
/** Before each run: on a busy machine whoever has just run is put behind the others. */
const PAUSE_MS = 200;

/** A process that serves an engine and runs streams on it. */
class ServedEngine {
  readonly #url: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  private constructor(root: string) {
    const port = findFreePort();
    this.#url = `http://127.0.0.1:${port}`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${ROOT}bench/served_engine.ts`, `file://${root}`, `${port}`, MODEL],
      cwd: root,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = readLines(this.#child.stdout);
  }

  /** Resolves when the model is loaded. */
  static async start(root: string): Promise<ServedEngine> {
    const served = new ServedEngine(root);
    await served.#readLine();
    return served;
  }

  /** A stream straight from the engine. */
  async streamFromEngine(maxTokens: number): Promise<Stream> {
    const sampling = { temperature: 0, logitBias: NO_END };
    const request = JSON.stringify({ model: MODEL, messages: MESSAGES, sampling, maxTokens });
    await this.#input.write(new TextEncoder().encode(`${request}\n`));
    return JSON.parse(await this.#readLine());
  }

  /** The same one over HTTP. */
  async streamFromServer(maxTokens: number): Promise<Stream> {
    const response = await fetch(`${this.#url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: MODEL,
        messages: MESSAGES,
        max_completion_tokens: maxTokens,
        temperature: 0,
        logit_bias: NO_END,
        stream: true,
        stream_options: { include_usage: true },
      }),
    });
    if (!response.ok) throw new Error(`The server answers ${response.status}`);
    let first = NaN;
    let text = "";
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (Number.isNaN(first) && /"content":"[^"]/.test(text)) first = performance.now();
    }
    const ms = performance.now() - first;
    const last = text.split("\n\n").findLast((frame) => frame.startsWith("data: {"))!;
    const { completion_tokens: numTokens } = JSON.parse(last.slice("data: ".length)).usage;
    return { numTokens, rate: 1000 * (numTokens - 1) / ms };
  }

  async stop(): Promise<void> {
    await this.#input.close();
    await this.#child.status;
  }

  async #readLine(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error("The process that serves the engine has ended");
    return value;
  }
}

async function* readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let pending = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split("\n");
    pending = lines.pop()!;
    yield* lines;
  }
}

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      runs: { type: "string", default: "15" },
      generate: { type: "string", default: "250" },
      against: { type: "string" },
    },
  });
  const maxTokens = Number(flags.generate);
  const checkouts: [mark: string, root: string][] = [["", ROOT]];
  if (flags.against) checkouts.push([" (against)", await Deno.realPath(flags.against)]);
  const pairs = [];
  for (const [mark, root] of checkouts) {
    const served = await ServedEngine.start(root);
    pairs.push({ mark, served, engine: [] as number[], http: [] as number[] });
  }
  for (let i = -1; i < Number(flags.runs); i++) {
    for (const { served, engine, http } of pairs) {
      const runEngine = async () => engine.push((await served.streamFromEngine(maxTokens)).rate);
      const runServer = async () => http.push((await served.streamFromServer(maxTokens)).rate);
      for (const run of i % 2 === 0 ? [runEngine, runServer] : [runServer, runEngine]) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        await run();
      }
      if (i === -1) engine.length = http.length = 0; // it has warmed the host's own code
    }
  }
  for (const { served } of pairs) await served.stop();
  const load = Deno.loadavg()[0]?.toFixed(1) ?? "unknown";
  console.log(
    `${maxTokens} tokens, ${flags.runs} runs in turns; median (lowest to highest); load average ${load}\n`,
  );
  const header = ["one stream", "engine tok/s", "over HTTP tok/s", "HTTP of engine, run by run"];
  const rows = pairs.map(({ mark, engine, http }) => [
    MODEL + mark,
    formatSpread(engine),
    formatSpread(http),
    `${formatSpread(http.map((rate, i) => 100 * rate / engine[i]!))} %`,
  ]);
  console.log(formatTable(header, rows));
}

if (import.meta.main) await main();
