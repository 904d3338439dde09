/**
 * The worker's side of the protocol: owns one model, computes steps as long as there is work, and looks at its messages
 * between two of them.
 *
 * @module
 */
import { InvalidRequestError, toErrorRecord } from "../errors.ts";
import { EmbeddingEngine } from "./embedding_engine.ts";
import { GenerationRequests } from "./generation_requests.ts";
import type { loadModel } from "./load_model.ts";
import { ModelEngine } from "./model_engine.ts";
import type { LoadOptions, WorkerAnswer, WorkerReply, WorkerRequest } from "./protocol.ts";
import { StepLoop } from "./step_loop.ts";

/** The part of a worker's scope that is used. */
export type WorkerScope = Pick<DedicatedWorkerGlobalScope, "onmessage" | "postMessage">;

/** The engine of the loaded model. */
type Served =
  | { task: "generate"; engine: ModelEngine; requests: GenerationRequests }
  | { task: "embed"; engine: EmbeddingEngine };

/** Serves the messages of a worker. @param load builds the model */
export function serveModel(scope: WorkerScope, load: typeof loadModel): void {
  const server = new ModelServer((reply) => scope.postMessage(reply), load);
  scope.onmessage = ({ data }: MessageEvent<WorkerRequest>) => void server.handle(data);
}

class ModelServer {
  readonly #post: (reply: WorkerReply) => void;
  readonly #load: typeof loadModel;
  readonly #loop: StepLoop;
  readonly #turn = new MessageChannel();
  #served!: Served;

  constructor(post: (reply: WorkerReply) => void, load: typeof loadModel) {
    this.#post = post;
    this.#load = load;
    this.#loop = new StepLoop({
      step: () => this.#step(),
      idle: () => this.#idle(),
      rest: () => this.#handleMessages(),
      onError: (error) => {
        this.#served.engine.failAll(error);
        post({ type: "failed", error: toErrorRecord(error) });
      },
    });
  }

  async handle(message: WorkerRequest): Promise<void> {
    switch (message.type) {
      case "load":
        return await this.#start(message.options);
      case "generate":
        return await this.#generate(message);
      case "embed":
        return await this.#embed(message);
      case "cancel":
        return this.#cancel(message.id);
      case "tokenize":
        return this.#answer(message.id, () => this.#served.engine.tokenize(message.request));
      case "detokenize":
        return this.#answer(message.id, () => this.#served.engine.detokenize(message.tokens));
      case "stats":
        return this.#answer(message.id, () => this.#served.engine.stats());
      case "ping":
        return this.#post({ type: "pong" });
    }
  }

  async #start(options: LoadOptions): Promise<void> {
    const { model, maxWaiting, defaultMaxTokens, speculation = "auto" } = options;
    try {
      const loaded = await this.#load(
        options,
        (share, stage) => this.#post({ type: "progress", share, stage }),
      );
      if (loaded.task === "embed") {
        const engine = new EmbeddingEngine({ ...loaded, model, maxWaiting });
        this.#served = { task: "embed", engine };
      } else {
        const sizes = { maxWaiting, defaultMaxTokens };
        const engine = new ModelEngine({ ...loaded, ...sizes, model, speculation });
        const requests = new GenerationRequests(engine, this.#post);
        this.#served = { task: "generate", engine, requests };
      }
      this.#post({ type: "loaded", remarks: loaded.remarks });
    } catch (error) {
      this.#post({ type: "failed", error: toErrorRecord(error) });
    }
  }

  async #generate({ id, request }: WorkerRequest & { type: "generate" }): Promise<void> {
    if (this.#served.task === "embed") return this.#refuse(id, "embeds texts");
    await this.#served.requests.open(id, request);
    await this.#loop.wake();
  }

  async #embed({ id, inputs }: WorkerRequest & { type: "embed" }): Promise<void> {
    if (this.#served.task === "generate") return this.#refuse(id, "generates text");
    const { engine } = this.#served;
    const embeddings = new Promise<WorkerAnswer>((resolve) => resolve(engine.submit(id, inputs)));
    void this.#loop.wake();
    try {
      this.#post({ type: "answer", id, value: await embeddings });
    } catch (error) {
      this.#post({ type: "error", id, error: toErrorRecord(error) });
    }
  }

  #cancel(id: number): void {
    if (this.#served.task === "embed") this.#served.engine.cancel(id);
    else this.#served.requests.cancel(id);
  }

  async #step(): Promise<boolean> {
    const served = this.#served;
    const start = performance.now();
    const hasWorked = await served.engine.step();
    if (served.task === "generate") {
      // The next step takes about as long as this one; when there is none, nothing may be held.
      served.requests.flushDue(hasWorked ? performance.now() - start : Infinity);
    }
    return hasWorked;
  }

  async #idle(): Promise<boolean> {
    return this.#served.task === "generate" && await this.#served.engine.prepareMore();
  }

  #answer(id: number, compute: () => WorkerAnswer): void {
    try {
      this.#post({ type: "answer", id, value: compute() });
    } catch (error) {
      this.#post({ type: "error", id, error: toErrorRecord(error) });
    }
  }

  /** The catalog was wrong about what the model does; the engine asked it before. */
  #refuse(id: number, does: string): void {
    const error = new InvalidRequestError("model", `The model ${does}, and does nothing else`);
    this.#post({ type: "error", id, error: toErrorRecord(error) });
  }

  /** Resolves after the messages that have arrived were handled; a timer would sleep a millisecond. */
  #handleMessages(): Promise<void> {
    const { port1, port2 } = this.#turn;
    return new Promise((resolve) => {
      port2.onmessage = () => resolve();
      port1.postMessage(null);
    });
  }
}
