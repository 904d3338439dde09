/**
 * Which adapter there is, and of what kind.
 *
 * @module
 */
import { DeviceError } from "../errors.ts";

/** `software` is a driver that runs on the CPU (lavapipe, SwiftShader, WARP), `gpu` anything else. */
export type AdapterKind = "gpu" | "software";

/** What is known of an adapter before a device is asked for. */
export interface AdapterInfo {
  readonly kind: AdapterKind;
  /** The driver's own text. */
  readonly description: string;
  /** Invocations of the smallest subgroup that a device of it may form; 0 where it is not known. */
  readonly minSubgroupSize: number;
  /** Largest storage buffer that a kernel can bind, in bytes. */
  readonly maxBindingBytes: number;
  /** Largest buffer, in bytes. */
  readonly maxBufferBytes: number;
}

const SOFTWARE_ADAPTERS = /llvmpipe|lavapipe|swiftshader|warp|basic render/i;

const NO_ADAPTER =
  "Cannot find a WebGPU adapter: no Vulkan, Metal or DirectX 12 driver answers; install the driver of your " +
  "graphics card, or on Debian and Ubuntu `apt install mesa-vulkan-drivers` for a driver on the CPU";

/** Settings of the driver's loader, for those that the user has not made. */
function prepareLinux(): void {
  // Without a Vulkan driver wgpu takes OpenGL, which lacks most of what we need: better no adapter, and a word about it.
  if (!Deno.env.has("DENO_WEBGPU_BACKEND")) Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan");
  // Drivers look for a display there and complain on stderr; no display is wanted.
  if (!Deno.env.has("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
}

/** @throws {DeviceError} there is none */
export async function requestAdapter(): Promise<GPUAdapter> {
  if (Deno.build.os === "linux") prepareLinux();
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new DeviceError("device_unavailable", NO_ADAPTER);
  return adapter;
}

/** What is known of it. */
export function describeAdapter(adapter: GPUAdapter): AdapterInfo {
  const { description, vendor, isFallbackAdapter, subgroupMinSize = 0 } = adapter
    .info as GPUAdapterInfo & { subgroupMinSize?: number };
  return {
    kind: isFallbackAdapter || SOFTWARE_ADAPTERS.test(description) ? "software" : "gpu",
    description: description || vendor || "unnamed adapter",
    minSubgroupSize: subgroupMinSize,
    maxBindingBytes: adapter.limits.maxStorageBufferBindingSize,
    maxBufferBytes: adapter.limits.maxBufferSize,
  };
}

/**
 * Describes the adapter that a device would come from.
 *
 * @throws {DeviceError} there is none
 */
export async function inspectAdapter(): Promise<AdapterInfo> {
  return describeAdapter(await requestAdapter());
}
