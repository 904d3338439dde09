/**
 * A process that serves an engine, seen from another one: the same answer straight from the engine and over HTTP, in turns on
 * one worker.
 *
 * @module
 */
import { type Answer, ask, type Question, readLines, type Route, ROUTES } from "./http_routes.ts";

/** Before each answer: on a busy machine whoever has just run is put behind the others. */
const PAUSE_MS = 100;

/** One answer of each kind, side by side. */
export interface AnswerPair {
  route: Route;
  engine: Answer;
  http: Answer;
}

/** The process; ends by `stop`. */
export class ServedEngine {
  readonly #url: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  private constructor(root: string, model: string) {
    const port = findFreePort();
    this.#url = `http://127.0.0.1:${port}`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${root}bench/served_engine.ts`, `file://${root}`, `${port}`, model],
      cwd: root,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = readLines(this.#child.stdout);
  }

  /** Resolves when the model is loaded. @param root of the checkout, with a slash at its end */
  static async start(root: string, model: string): Promise<ServedEngine> {
    const served = new ServedEngine(root, model);
    await served.#readLine();
    return served;
  }

  /** Each route's answer and the engine's own; `isHttpFirst` turns the order of the two. */
  async compare(
    question: Question,
    { routes = ROUTES, isHttpFirst = false }: { routes?: readonly Route[]; isHttpFirst?: boolean } =
      {},
  ): Promise<AnswerPair[]> {
    const pairs: AnswerPair[] = [];
    for (const route of routes) {
      const pair: Partial<AnswerPair> = {};
      const askEngine = async () => void (pair.engine = await this.#askEngine(question));
      const askServer = async () => void (pair.http = await ask(this.#url, route, question));
      for (const run of isHttpFirst ? [askServer, askEngine] : [askEngine, askServer]) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        await run();
      }
      pairs.push({ route, engine: pair.engine!, http: pair.http! });
    }
    return pairs;
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    await this.#input.close();
    await this.#child.status;
  }

  async #askEngine({ model, prompt, maxTokens, bannedTokens }: Question): Promise<Answer> {
    const logitBias = Object.fromEntries(bannedTokens.map((id) => [id, -100]));
    const messages = [{ role: "user", content: prompt }];
    const request = { model, messages, sampling: { temperature: 0, logitBias }, maxTokens };
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    return JSON.parse(await this.#readLine());
  }

  async #readLine(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error("The process that serves the engine has ended");
    return value;
  }
}

/** A port that nobody listens on now. */
export function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
