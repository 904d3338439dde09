/**
 * From a package on disk to what computes it: the one place where a backend is chosen by its name.
 *
 * @module
 */
import { readLibrary, WebLlmEmbedder, WebLlmRunner } from "../backends/web_llm/mod.ts";
import {
  computeStepCosts,
  describeKernels,
  probeRunner,
  WgslRunner,
} from "../backends/wgsl/mod.ts";
import { ModelInvalidError } from "../errors.ts";
import { countWeights, type ModelPackage, openPackage } from "../formats/mod.ts";
import { chooseSoftwareMode, GpuDevice, inspectAdapter, setSoftwareMode } from "../gpu/mod.ts";
import { modelDefaultSampling } from "../sampling/mod.ts";
import { loadTextModel, type TextModel } from "../text/mod.ts";
import type { ProgressListener, SamplingParams } from "../types.ts";
import type { Embedder } from "./embedder.ts";
import { KernelShapeFile } from "./kernel_shapes.ts";
import { isSettled, MeasurementFile } from "./measurements.ts";
import type { LoadOptions } from "./protocol.ts";
import type { Runner } from "./runner.ts";

/** A model in memory, with what it knows of text. */
export type LoadedModel =
  & {
    text: TextModel;
    /** What loading found out that no plan can know. */
    remarks: string[];
  }
  & (
    | {
      task: "generate";
      runner: Runner;
      /** The model's own sampling defaults. */
      sampling: SamplingParams;
    }
    | { task: "embed"; embedder: Embedder }
  );

/**
 * Loads a model. Takes a device of its own, so one isolate loads one model.
 *
 * @throws {ModelInvalidError} the package is damaged, or the backend cannot run it
 * @throws {DeviceError} no adapter, or it refused the memory
 */
export async function loadModel(
  options: LoadOptions,
  onProgress: ProgressListener,
): Promise<LoadedModel> {
  switch (options.backend) {
    case "wgsl":
      return await loadWgsl(options, onProgress);
    case "web-llm":
      return await loadWebLlm(options, onProgress);
  }
}

async function loadWgsl(
  options: LoadOptions,
  onProgress: ProgressListener,
): Promise<LoadedModel> {
  const { dir, contextLength, maxSequences, cacheDir } = options;
  const pkg = await openPackage(dir);
  const text = await loadTextModel(pkg);
  setSoftwareMode(chooseSoftwareMode(countWeights(pkg), { isFused: true }));
  const device = await GpuDevice.create();
  const shapes = cacheDir === undefined ? null : new KernelShapeFile(cacheDir);
  const runner = await WgslRunner.load(device, pkg, {
    ...(shapes && { shapes }),
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(maxSequences === undefined ? {} : { maxSequences }),
    onProgress,
  });
  const sampling = modelDefaultSampling(pkg.chatConfig);
  const remarks = [...shapes?.remarks ?? [], ...await keepMeasurement(runner, pkg, options)];
  return { task: "generate", runner, text, sampling, remarks };
}

/** Measures the model for later plans unless enough loads have; a remark where that cannot be kept, since the model runs all the same. */
async function keepMeasurement(
  runner: WgslRunner,
  { quantization }: ModelPackage,
  { model, cacheDir }: LoadOptions,
): Promise<string[]> {
  if (cacheDir === undefined) return [];
  const { device, plan } = runner;
  const file = new MeasurementFile(cacheDir);
  const shapes = { quantization, ...computeStepCosts(plan) };
  const on = describeKernels(plan, device.info);
  const { measurements } = await file.read();
  if (isSettled(measurements, on, { shapes, now: Date.now() })) return [];
  const measured = { model, ...shapes, ...await probeRunner(runner) };
  try {
    await file.record(on, measured);
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [`Its speed was measured, but could not be kept for later plans: ${why}`];
  }
}

/** A model through its compiled library. */
async function loadWebLlm(
  { model, dir, task, library: path, contextLength, maxSequences }: LoadOptions,
  onProgress: ProgressListener,
): Promise<LoadedModel> {
  if (path === null) {
    throw new ModelInvalidError(
      `Cannot load "${model}" with web-llm: no compiled library is known for it; name one with --model-library`,
    );
  }
  const pkg = await openPackage(dir);
  const text = await loadTextModel(pkg);
  const library = await readLibrary(path);
  setSoftwareMode(chooseSoftwareMode(countWeights(pkg), { isFused: false }));
  if (task === "embed") {
    const embedder = await WebLlmEmbedder.load(pkg, { library, onProgress });
    return { task, text, embedder, remarks: [] };
  }
  const runner = await WebLlmRunner.load(pkg, {
    library,
    adapter: await inspectAdapter(),
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(maxSequences === undefined ? {} : { maxSequences }),
    onProgress,
  });
  const sampling = modelDefaultSampling(pkg.chatConfig);
  return { task, runner, text, sampling, remarks: runner.abilities.reasons };
}
