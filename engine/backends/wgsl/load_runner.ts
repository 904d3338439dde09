/**
 * The runner that suits a plan.
 *
 * @module
 */
import type { ModelPackage } from "../../formats/mod.ts";
import type { GpuDevice } from "../../gpu/mod.ts";
import { planModel } from "./model_plan.ts";
import { PipelinedRunner } from "./pipelined_runner.ts";
import { WgslRunner, type WgslRunnerOptions } from "./runner.ts";

/**
 * Loads a model on one device, or on two where `numStages` asks for it and the model has layers enough.
 *
 * @throws {ModelInvalidError} the package is damaged or unsupported
 * @throws {DeviceError} not enough memory
 */
export async function loadRunner(
  device: GpuDevice,
  pkg: ModelPackage,
  options: WgslRunnerOptions,
): Promise<WgslRunner | PipelinedRunner> {
  const { onProgress = () => {}, shapes: _, ...sizes } = options;
  const { stages } = planModel(pkg, device.info, sizes);
  if (stages.length === 1) return await WgslRunner.load(device, pkg, options);
  return await PipelinedRunner.load(device, pkg, { onProgress, ...sizes });
}
