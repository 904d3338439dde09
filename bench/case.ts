/**
 * One run of one model in a process of its own, so that no run warms the next: prints its result as a line of JSON.
 *
 *     deno run -A bench/case.ts '{"dir": "models/ollm-tiny", "numPromptTokens": 128, …}'
 *
 * @module
 */
import { computeStepCosts, probeRunner, WgslRunner } from "../engine/backends/wgsl/mod.ts";
import { openPackage } from "../engine/formats/mod.ts";
import { chooseSoftwareMode, GpuDevice, setSoftwareMode } from "../engine/gpu/mod.ts";
import type { RatePrediction } from "../engine/mod.ts";
import { predictRates } from "../engine/runtime/prediction.ts";
import { measureBandwidth } from "./bandwidth.ts";
import { measure, type Measurement, type MeasureOptions } from "./measure.ts";
import { type EngineMeasurement, measureEngine } from "./measure_engine.ts";

/** What to run. */
export interface CaseOptions extends MeasureOptions {
  /** Folder of the package. */
  dir: string;
}

/** What came of it. */
export interface CaseResult extends Measurement, EngineMeasurement {
  adapter: string;
  quantization: string;
  numWeights: number;
  /** From opening the package to a warm runner, in ms. */
  loadMs: number;
  /** Bytes a second of the device's memory. */
  bandwidth: number;
  /** What a plan of this model says after such a load, for a prompt of this length; null from checkouts that do not predict. */
  prediction: RatePrediction | null;
}

async function runCase({ dir, ...sizes }: CaseOptions): Promise<CaseResult> {
  const start = performance.now();
  const pkg = await openPackage(dir);
  let numWeights = 0;
  for (const { dtype, shape, name } of pkg.tensors.values()) {
    if (name.endsWith("q_scale")) continue;
    numWeights += shape.reduce((product, dim) => product * dim, dtype === "u32" ? 8 : 1);
  }
  setSoftwareMode(chooseSoftwareMode(numWeights, { isFused: true }));
  const device = await GpuDevice.create();
  const runner = await WgslRunner.load(device, pkg, { maxSequences: sizes.batchSize });
  const loadMs = performance.now() - start;
  const prediction = await predict(runner, pkg.quantization, sizes.numPromptTokens);
  const measurement = await measure(runner, sizes);
  const bandwidth = await measureBandwidth(device);
  runner.destroy();
  device.destroy();
  return {
    adapter: device.info.description,
    quantization: pkg.quantization,
    numWeights,
    loadMs,
    bandwidth,
    prediction,
    ...measurement,
    ...await measureEngine(dir, sizes),
  };
}

/** As a load and a plan do it, from the same probe. */
async function predict(
  runner: WgslRunner,
  quantization: string,
  numPromptTokens: number,
): Promise<RatePrediction | null> {
  const model = { model: "this one", quantization, ...computeStepCosts(runner.plan) };
  const measured = { ...model, ...await probeRunner(runner) };
  return predictRates({ ...model, ...runner.plan.memory, numPromptTokens }, [measured]);
}

if (import.meta.main) {
  console.log(JSON.stringify(await runCase(JSON.parse(Deno.args[0] ?? "{}"))));
  Deno.exit(0); // a device keeps the process alive
}
