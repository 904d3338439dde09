/**
 * Which sequences compute which tokens in a step.
 *
 * @module
 */
export { type ScheduledSequence, Scheduler, type SchedulerOptions } from "./scheduler.ts";
export { isDecoding, Sequence, type SequenceStatus } from "./sequence.ts";
export { Speculation, type SpeculationMode, type SpeculationOptions } from "./speculation.ts";
