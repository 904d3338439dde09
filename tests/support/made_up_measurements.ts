/** Measurements that no machine made. @module */
import { KERNELS_VERSION } from "../../kernels/mod.ts";
import type { MeasuredOn } from "../../engine/runtime/measurements.ts";
import type { MeasuredModel } from "../../engine/runtime/prediction.ts";

/** Where they were not made. */
export const MADE_UP_ADAPTER: MeasuredOn = {
  adapter: "made-up adapter",
  kernelSet: "gpu",
  kernelsVersion: KERNELS_VERSION,
};

/** One model; another number of bytes makes it another one. */
export function madeUpModel(changes: Partial<MeasuredModel> = {}): MeasuredModel {
  return {
    model: "made-up",
    quantization: "q4f16_1",
    weightBytes: 1000,
    headBytes: 100,
    numLayerWeights: 1800,
    kvTokenBytes: 10,
    fixedMs: 1,
    decodeMs: 10,
    decodeContext: 64,
    prefillMs: 40,
    prefillTokens: 32,
    ...changes,
  };
}
