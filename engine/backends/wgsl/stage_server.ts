/**
 * The second stage's side: loads its layers, then computes pieces as they come.
 *
 * @module
 */
import { toErrorRecord } from "../../errors.ts";
import type { LoadedTensor } from "../../formats/mod.ts";
import { GpuDevice } from "../../gpu/mod.ts";
import { loadWeights } from "./load_weights.ts";
import { planModel } from "./model_plan.ts";
import { channelSizes } from "./pipeline_cut.ts";
import { Stage } from "./stage.ts";
import { type Piece, StageChannel } from "./stage_channel.ts";
import type { StageReply, StageRequest } from "./stage_protocol.ts";

/** How long the worker blocks for a piece before it goes back to its messages: only there it learns that its owner is gone. */
const MAX_IDLE_MS = 100;

const NO_LOGITS = new Float32Array(0);

/** The part of a worker's scope that is used. */
type Scope = Pick<DedicatedWorkerGlobalScope, "onmessage" | "postMessage">;

/** Serves one runner. */
export class StageServer {
  readonly #scope: Scope;
  readonly #tensors = new TensorQueue();
  readonly #turn = new MessageChannel();
  #stage!: Stage;
  #channel!: StageChannel;

  constructor(scope: Scope) {
    this.#scope = scope;
    scope.onmessage = ({ data }: MessageEvent<StageRequest>) => void this.#handle(data);
  }

  async #handle(request: StageRequest): Promise<void> {
    try {
      switch (request.type) {
        case "load":
          return await this.#load(request);
        case "tensor":
          return this.#tensors.push(request.tensor);
        case "end":
          return this.#tensors.end();
        case "wake":
          return await this.#compute();
      }
    } catch (error) {
      this.#post({ type: "failed", error: toErrorRecord(error) });
      this.#channel?.rouse();
    }
  }

  async #load({ pkg, options, memory }: StageRequest & { type: "load" }): Promise<void> {
    const device = await GpuDevice.create();
    const plan = planModel(pkg, device.info, options);
    const stage = plan.stages[1]!;
    this.#channel = new StageChannel(channelSizes(plan), memory);
    let numStored = 0;
    const weights = await loadWeights(device, {
      what: `the weights of ${pkg.dir}`,
      plan,
      stage,
      tensors: this.#tensors,
      onProgress: (numBytes) => {
        this.#post({ type: "stored", numBytes: numBytes - numStored });
        numStored = numBytes;
      },
    });
    this.#stage = await Stage.create(device, { plan, stage, weights });
    await this.#stage.warmUp();
    this.#post({ type: "loaded" });
    await this.#compute();
  }

  /** Computes pieces until none has come for a while. */
  async #compute(): Promise<void> {
    for (;;) {
      const piece = this.#channel.take();
      if (piece) {
        await this.#computePiece(piece);
        continue;
      }
      await this.#handleMessages();
      const start = performance.now();
      this.#channel.waitForPiece(MAX_IDLE_MS);
      if (performance.now() - start >= MAX_IDLE_MS && this.#channel.park()) return;
    }
  }

  async #computePiece({ batch, hidden }: Piece): Promise<void> {
    const { shape } = batch;
    const hasLogits = shape.numLogits > 0;
    const pass = hasLogits ? this.#stage.whole : this.#stage.layers;
    this.#stage.write(batch, hidden);
    pass.submit(shape);
    const rows = await pass.read(shape); // what the layers leave shows that they are done
    this.#channel.finish(hasLogits ? rows : NO_LOGITS);
  }

  #post(reply: StageReply): void {
    this.#scope.postMessage(reply);
  }

  /** Resolves after the events that have arrived were handled, a lost device among them. */
  #handleMessages(): Promise<void> {
    const { port1, port2 } = this.#turn;
    return new Promise((resolve) => {
      port2.onmessage = () => resolve();
      port1.postMessage(null);
    });
  }
}

/** Tensors in the order in which messages bring them. */
class TensorQueue implements AsyncIterable<LoadedTensor> {
  readonly #waiting: LoadedTensor[] = [];
  #isEnded = false;
  #wake = () => {};

  push(tensor: LoadedTensor): void {
    this.#waiting.push(tensor);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LoadedTensor> {
    for (;;) {
      const tensor = this.#waiting.shift();
      if (tensor) yield tensor;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
