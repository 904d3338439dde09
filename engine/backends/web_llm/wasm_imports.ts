/**
 * Libraries of an earlier release ask for functions that the runtime of a later one no longer offers. Those that can be
 * answered are; the others fail when they are called, by name, instead of keeping the library from loading.
 *
 * @module
 */

/** The thread pool of TVM, which has one thread here: resetting does nothing, counting says 1. */
const KNOWN: Readonly<Record<string, () => number | void>> = {
  "_ZN3tvm7runtime9threading15ResetThreadPoolEv": () => {},
  "_ZN3tvm7runtime9threading10NumThreadsEv": () => 1,
};

/** Completes the imports of every module until it is undone. */
export function completeWasmImports(): () => void {
  const { instantiate } = WebAssembly;
  const complete = async (source: BufferSource | WebAssembly.Module, imports = {}) => {
    if (source instanceof WebAssembly.Module) {
      return await instantiate(source, withMissing(source, imports));
    }
    const module = await WebAssembly.compile(source);
    const instance = await instantiate(module, withMissing(module, imports));
    return { module, instance };
  };
  WebAssembly.instantiate = complete as typeof instantiate;
  return () => WebAssembly.instantiate = instantiate;
}

function withMissing(
  module: WebAssembly.Module,
  imports: WebAssembly.Imports,
): WebAssembly.Imports {
  const env: Record<string, WebAssembly.ImportValue> = { ...imports.env };
  for (const { module: from, kind, name } of WebAssembly.Module.imports(module)) {
    if (from !== "env" || kind !== "function" || typeof env[name] === "function") continue;
    env[name] = KNOWN[name] ?? (() => {
      throw new Error(`The model library calls ${name}, which this runtime does not have`);
    });
  }
  return { ...imports, env };
}
