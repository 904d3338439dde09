/**
 * Messages between a pipelined runner and the worker of its second stage. Pieces of steps do not come this way; see
 * `stage_channel.ts`.
 *
 * @module
 */
import type { ErrorRecord } from "../../errors.ts";
import type { LoadedTensor, ModelPackage } from "../../formats/mod.ts";
import type { ModelPlanOptions } from "./model_plan.ts";

/** To the worker. `load` comes first and once, then the stage's tensors, then `end`. */
export type StageRequest =
  | {
    type: "load";
    pkg: ModelPackage;
    options: ModelPlanOptions;
    /** Of the channel. */
    memory: SharedArrayBuffer;
  }
  /** Its bytes are transferred. */
  | { type: "tensor"; tensor: LoadedTensor }
  | { type: "end" }
  /** A piece was posted while the worker was parked. */
  | { type: "wake" };

/** From the worker. */
export type StageReply =
  /** A tensor is on the device. */
  | { type: "stored"; numBytes: number }
  /** Pieces may come. */
  | { type: "loaded" }
  /** The worker is of no more use. */
  | { type: "failed"; error: ErrorRecord };
