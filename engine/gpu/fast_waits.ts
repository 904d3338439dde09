/**
 * Takes the runtime's sleep out of a device that foreign code drives: the same trick as `readback.ts`, put under the
 * device's own methods.
 *
 * @module
 */
import { isFastReadbackSafe } from "./readback.ts";

/**
 * Makes `mapAsync` and `onSubmittedWorkDone` of this device return settled promises: both have waited for the device when
 * the call returns. Does nothing where the runtime does not work that way.
 *
 * @returns whether it was done
 */
export async function installFastWaits(device: GPUDevice): Promise<boolean> {
  if (!await isFastReadbackSafe(device)) return false;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const isStaging = (descriptor.usage & GPUBufferUsage.MAP_READ) !== 0;
    if (!isStaging || descriptor.mappedAtCreation) return createBuffer(descriptor);
    return createStaging(createBuffer, descriptor);
  };
  let isLost = false;
  device.lost.then(() => isLost = true);
  const workDone = device.queue.onSubmittedWorkDone.bind(device.queue);
  device.queue.onSubmittedWorkDone = () => {
    const done = workDone();
    // Code that ends a device relies on the loss being told before this resolves.
    if (isLost) return done;
    done.catch(() => {});
    return Promise.resolve() as ReturnType<typeof workDone>;
  };
  return true;
}

/** A staging buffer that was mapped once: one that never was would abort the process in `getMappedRange`. */
function createStaging(
  createBuffer: GPUDevice["createBuffer"],
  descriptor: GPUBufferDescriptor,
): GPUBuffer {
  const size = Math.max(4, Math.ceil(descriptor.size / 4) * 4);
  const buffer = createBuffer({ ...descriptor, size, mappedAtCreation: true });
  buffer.unmap();
  const mapAsync = buffer.mapAsync.bind(buffer);
  buffer.mapAsync = (...range) => {
    const mapped = mapAsync(...range);
    mapped.catch(() => {}); // the range is here; a lost device shows at the next step
    return Promise.resolve() as ReturnType<typeof mapAsync>;
  };
  return buffer;
}
