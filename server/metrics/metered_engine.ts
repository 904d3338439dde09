import type { Engine, Generation, GenerationEvent } from "../../engine/mod.ts";
import type { Metrics } from "./metrics.ts";

/** The same engine, with every generation that ends counted: handlers need not know of it. */
export function meterEngine(engine: Engine, metrics: Metrics): Engine {
  return {
    async generate(request, options) {
      const generation = await engine.generate(request, options);
      return watch(generation, (event) => {
        if (event.type === "finish") metrics.addGeneration(request.model, event);
      });
    },
    load: (...args) => engine.load(...args),
    download: (...args) => engine.download(...args),
    remove: (...args) => engine.remove(...args),
    plan: (...args) => engine.plan(...args),
    listModels: (...args) => engine.listModels(...args),
    inspectModel: (...args) => engine.inspectModel(...args),
    tokenize: (...args) => engine.tokenize(...args),
    detokenize: (...args) => engine.detokenize(...args),
    embed: (...args) => engine.embed(...args),
    unload: (...args) => engine.unload(...args),
    stats: () => engine.stats(),
    close: () => engine.close(),
  };
}

/** Not a generator: leaving before the first event must reach the generation too. */
function watch(generation: Generation, onEvent: (event: GenerationEvent) => void): Generation {
  return {
    numPromptTokens: generation.numPromptTokens,
    [Symbol.asyncIterator]() {
      const iterator = generation[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await iterator.next();
          if (!result.done) onEvent(result.value);
          return result;
        },
        async return(value?: unknown) {
          return await iterator.return?.(value) ?? { done: true, value };
        },
      };
    },
  };
}
