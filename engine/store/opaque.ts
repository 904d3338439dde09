import type { ModelInfo } from "../types.ts";

/** Describes a text that names no model. */
export function describeOpaque(reference: string, message: string): ModelInfo {
  return {
    reference,
    name: reference,
    sourceKind: "opaque",
    discoverySource: null,
    repository: null,
    revision: null,
    materialized: false,
    task: "generate",
    library: null,
    memoryBytes: null,
    requiredFeatures: [],
    supportLevel: "unsupported",
    path: null,
    modelType: null,
    quantization: null,
    contextLength: null,
    createdAt: 0,
    message,
  };
}
