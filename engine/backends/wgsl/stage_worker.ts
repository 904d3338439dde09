/**
 * Entry of the worker that computes the second stage of a pipelined model, on a device of its own.
 *
 * @module
 */
import { StageServer } from "./stage_server.ts";

new StageServer(self as unknown as DedicatedWorkerGlobalScope);
