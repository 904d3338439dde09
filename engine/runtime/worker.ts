/**
 * Entry of the worker that owns one model and its device; the isolate that serves never waits for the device.
 *
 * @module
 */
import { loadModel } from "./load_model.ts";
import { serveModel } from "./serve_model.ts";

serveModel(self as unknown as DedicatedWorkerGlobalScope, loadModel);
