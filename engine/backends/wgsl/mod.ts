/**
 * The `wgsl` backend: models on our own kernels.
 *
 * @module
 */
export { type ModelPlan, type ModelPlanOptions, planModel } from "./model_plan.ts";
export { WgslRunner, type WgslRunnerOptions } from "./runner.ts";
