/**
 * What the processes of a comparison report.
 *
 * @module
 */
import type { Rates } from "./decoder.ts";

/** One run of one engine on one model. */
export interface CaseResult {
  rates: Rates;
  /** As its own format calls it. */
  quantization: string;
  /** Adapter, or the processor's abilities in use. */
  device: string;
  /** Threads that compute. */
  threads: string;
  /** Package and version. */
  version: string;
}
