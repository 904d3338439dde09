/**
 * What web-llm expects of a browser and Deno's worker lacks, for the time of a load: a location, a cache of files, no
 * `process` (its WebAssembly modules would take their Node path), and a quiet console.
 *
 * @module
 */
import { PACKAGE_URL } from "./package_cache.ts";
import { completeWasmImports } from "./wasm_imports.ts";

/** What is put under web-llm. */
export interface HostOptions {
  caches: CacheStorage;
  /** Gets each device that is made, before web-llm does. */
  onDevice: (device: GPUDevice) => Promise<void>;
}

/** Runs `load` with the globals in place, and puts the old ones back. */
export async function withBrowserGlobals<T>(
  options: HostOptions,
  load: () => Promise<T>,
): Promise<T> {
  const restore = [
    setGlobal("location", new URL(PACKAGE_URL)),
    setGlobal("caches", options.caches),
    setGlobal("process", undefined),
    // web-llm writes remarks on limits to stdout, where a command's answer goes.
    setGlobal("console", { ...globalThis.console, log() {}, info() {}, debug() {} }),
    completeWasmImports(),
    watchDevices(options.onDevice),
  ];
  try {
    return await load();
  } finally {
    for (const undo of restore) undo();
  }
}

function setGlobal(name: string, value: unknown): () => void {
  const previous = Object.getOwnPropertyDescriptor(globalThis, name);
  if (value === undefined) Reflect.deleteProperty(globalThis, name);
  else {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return () => {
    if (previous) Object.defineProperty(globalThis, name, previous);
    else Reflect.deleteProperty(globalThis, name);
  };
}

/** Devices get the adapter's own limits: web-llm falls back to the smallest ones where it cannot have its favourites. */
function watchDevices(onDevice: HostOptions["onDevice"]): () => void {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor = {}) {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.limits;
    const requiredLimits = {
      ...descriptor.requiredLimits,
      maxBufferSize,
      maxStorageBufferBindingSize,
    };
    const device = await requestDevice.call(this, { ...descriptor, requiredLimits });
    await onDevice(device);
    return device;
  };
  return () => GPUAdapter.prototype.requestDevice = requestDevice;
}
