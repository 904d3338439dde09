/**
 * The `wgsl` backend: models on our own kernels.
 *
 * @module
 */
export { type ModelPlan, type ModelPlanOptions, planModel } from "./model_plan.ts";
export { probeRunner } from "./probe.ts";
export { WgslRunner, type WgslRunnerOptions } from "./runner.ts";
export { computeStepCosts, describeKernels } from "./step_costs.ts";
