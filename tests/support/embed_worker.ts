/**
 * A worker that serves an embedding model without weights: the vector of a text is (its tokens, 1), and a batch takes 5 ms.
 */
import { serveModel } from "../../engine/runtime/serve_model.ts";
import { createStubText } from "./stub_runner.ts";

serveModel(self as unknown as DedicatedWorkerGlobalScope, () =>
  Promise.resolve({
    task: "embed",
    remarks: [],
    text: createStubText(),
    embedder: {
      maxTokens: 16,
      maxBatch: 2,
      dimensions: 2,
      async embed(inputs) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return inputs.map(({ length }) => Float32Array.of(length, 1));
      },
      destroy() {},
    },
  }));
