/**
 * The runner's side of the second stage: starts its worker, feeds it, and hears of its death.
 *
 * @module
 */
import { EngineError, fromErrorRecord } from "../../errors.ts";
import type { LoadedTensor, ModelPackage } from "../../formats/mod.ts";
import type { ModelPlan, ModelPlanOptions } from "./model_plan.ts";
import { channelSizes } from "./pipeline_cut.ts";
import { type Piece, StageChannel } from "./stage_channel.ts";
import type { StageReply, StageRequest } from "./stage_protocol.ts";

/** Bytes of tensors that were sent and are not on the device yet. */
const MAX_BYTES_ON_WAY = 64 * 1024 * 1024;

/** How long the worker may compute without finishing a piece before it counts as dead. */
const SILENCE_LIMIT_MS = 120_000;

/** The real worker; tests put others in its place. */
const WORKER_URL = new URL("./stage_worker.ts", import.meta.url);

/** What the second stage computes. */
export interface RemoteStageOptions {
  readonly plan: ModelPlan;
  /** What the plan was made from; the worker makes it again. */
  readonly options: ModelPlanOptions;
  /** What to start. @default the real worker */
  readonly url?: URL | undefined;
}

/** The second stage, in a worker with an own device. */
export class RemoteStage {
  /** Rejects when the stage cannot be loaded, or dies before. */
  readonly loaded: Promise<void>;
  readonly #worker: Worker;
  readonly #channel: StageChannel;
  #resolveLoaded!: () => void;
  #rejectLoaded!: (error: Error) => void;
  #bytesOnWay = 0;
  /** Why it is of no more use. */
  #failure: Error | null = null;
  /** Called when something came from the worker. */
  #onNews = () => {};

  /** Starts a worker that waits for its tensors. */
  constructor(pkg: ModelPackage, { plan, options, url = WORKER_URL }: RemoteStageOptions) {
    this.loaded = new Promise((resolve, reject) => {
      this.#resolveLoaded = resolve;
      this.#rejectLoaded = reject;
    });
    this.loaded.catch(() => {}); // whoever loads awaits it later
    this.#channel = new StageChannel(channelSizes(plan));
    this.#worker = new Worker(url, { type: "module", name: "second stage" });
    this.#worker.onmessage = ({ data }: MessageEvent<StageReply>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault(); // or the runtime ends the whole process
      this.#fail(
        new EngineError("engine_failed", `The worker of the second stage died: ${event.message}`),
      );
    };
    this.#send({ type: "load", pkg, options, memory: this.#channel.memory });
  }

  /** Gives the stage a copy of one of its tensors; waits while too many are on their way. */
  async sendTensor({ info, bytes }: LoadedTensor): Promise<void> {
    const copy = bytes.slice();
    this.#bytesOnWay += info.nbytes;
    this.#send({ type: "tensor", tensor: { info, bytes: copy } }, [copy.buffer]);
    while (this.#bytesOnWay > MAX_BYTES_ON_WAY) {
      this.#assertAlive();
      await new Promise<void>((resolve) => this.#onNews = resolve);
    }
    this.#assertAlive();
  }

  /** The stage has all its tensors. */
  endTensors(): void {
    this.#send({ type: "end" });
  }

  /** Hands a piece over; it is computed behind those before it. */
  async post(piece: Piece): Promise<void> {
    const { numLogits } = piece.batch.shape;
    await this.#until(() => this.#channel.hasRoom(numLogits));
    if (this.#channel.post(piece)) this.#send({ type: "wake" });
  }

  /**
   * Waits for the logits of the pieces that were posted last. Several may wait; each has to be called before more is posted.
   *
   * @param numRows that those pieces want, at least one
   * @returns [L, V] f32
   */
  async takeLogits(numRows: number): Promise<Float32Array<ArrayBuffer>> {
    const end = this.#channel.numRowsPosted;
    const first = end - numRows;
    await this.#until(() => this.#channel.canTakeLogits(first, end));
    return this.#channel.takeLogits(first, end);
  }

  /** Leaves the thread to others: another step can go through the first stage, and messages are heard. */
  async #until(isReached: () => boolean): Promise<void> {
    for (;;) {
      this.#assertAlive();
      const { news } = this.#channel;
      if (isReached()) return;
      if (await this.#channel.waitForNews(news, SILENCE_LIMIT_MS)) continue;
      const seconds = SILENCE_LIMIT_MS / 1000;
      this.#fail(new EngineError("engine_failed", `The second stage was silent for ${seconds} s`));
    }
  }

  #assertAlive(): void {
    if (this.#failure) throw this.#failure;
  }

  #send(request: StageRequest, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #receive(reply: StageReply): void {
    switch (reply.type) {
      case "stored":
        this.#bytesOnWay -= reply.numBytes;
        break;
      case "loaded":
        this.#resolveLoaded();
        break;
      case "failed":
        this.#fail(fromErrorRecord(reply.error));
    }
    this.#onNews();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#rejectLoaded(this.#failure);
    this.#worker.terminate();
    this.#channel.rouse();
    this.#onNews();
  }

  /** Ends the worker and everything in it. */
  destroy(): void {
    this.#fail(new EngineError("engine_closed", "The model was unloaded"));
  }
}
