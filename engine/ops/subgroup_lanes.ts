/**
 * Which invocations lie side by side in a subgroup, so that lanes can be added up by shuffles, or tell each other by broadcasts.
 *
 * @module
 */
import { GPU_KERNELS, type SubgroupLanes } from "../../kernels/mod.ts";
import { type GpuDevice, Readback, replay } from "../gpu/mod.ts";
import { createDispatch } from "./dispatch.ts";

/** Workgroups that are looked at: sizes of those that would shuffle. */
const WORKGROUP_SIZES = [32, 64, 128, 256];

const found = new WeakMap<GpuDevice, Promise<number>>();

/** Invocations that surely lie in one subgroup in order, a power of two; 0 where the device does not tell, or has another order. */
export function findOrderedLanes(device: GpuDevice): Promise<number> {
  let lanes = found.get(device);
  if (!lanes) found.set(device, lanes = measure(device));
  return lanes;
}

async function measure(device: GpuDevice): Promise<number> {
  const { minSubgroupSize } = device.info;
  if (!device.hasSubgroups || minSubgroupSize === 0) return 0;
  const { maxComputeInvocationsPerWorkgroup } = device.raw.limits;
  for (const size of WORKGROUP_SIZES) {
    if (size > maxComputeInvocationsPerWorkgroup) break;
    const lanes = await readLanes(device, size);
    if (!areInOrder(lanes, minSubgroupSize)) return 0;
  }
  return minSubgroupSize;
}

/**
 * Whether every invocation has the place that its number in the workgroup gives it.
 *
 * @param lanes [invocations] of (index in its subgroup, size of that subgroup)
 */
export function areInOrder(lanes: Uint32Array, minSubgroupSize: number): boolean {
  for (let i = 0; i < lanes.length / 2; i++) {
    const [index, size] = [lanes[2 * i]!, lanes[2 * i + 1]!];
    if (size < minSubgroupSize || index !== i % size) return false;
  }
  return true;
}

async function readLanes(device: GpuDevice, size: number): Promise<Uint32Array> {
  const lanes = device.createBuffer("subgroup lanes", 8 * size);
  const readback = new Readback(device.raw, 8 * size, { isFast: device.hasFastReadback });
  try {
    const dispatch = await createDispatch(device, GPU_KERNELS.subgroupLanes, "subgroup_lanes", {
      resources: [lanes],
      overrides: { WORKGROUP_SIZE: size },
      x: 1,
    });
    const encoder = device.raw.createCommandEncoder({ label: "subgroup lanes" });
    replay(encoder, [dispatch], { numTokens: 1, numLogits: 0, contextLength: 0 });
    return new Uint32Array(await readback.submitAndRead(encoder, lanes, 8 * size));
  } finally {
    lanes.destroy();
    readback.destroy();
  }
}

/** Of the eight lanes of a software workgroup, those that lie in one subgroup: drivers on the CPU have them in order. */
export function subgroupLanesOf({ info }: GpuDevice): SubgroupLanes {
  return info.minSubgroupSize < 8 ? 4 : 8;
}
