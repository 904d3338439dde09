/**
 * What loads found out about the shapes of kernels on a device, kept in one small file of the user's cache folder for the next load.
 *
 * @module
 */
import { join } from "node:path";
import { isJsonObject } from "../formats/mod.ts";
import { CacheFile, type CacheFormat } from "./cache_file.ts";

/** Format of the file; one with another number is measured anew. */
const VERSION = 1;

/** A model has some thirty kernels; those that were not touched for the longest time go first. */
const MAX_KERNELS = 512;

/** 512 kernels of 18 shapes take 400 kB. */
const MAX_FILE_BYTES = 1 << 20;

/** Names are short; what is longer is not ours. */
const MAX_TEXT_LENGTH = 1024;

/** A kernel has 18 shapes at most. */
const MAX_SHAPES = 64;

/** What times were measured on; those of another adapter, or of other kernels, say nothing. */
export interface ShapesMeasuredOn {
  /** The adapter's own description. */
  readonly adapter: string;
  /** `KERNELS_VERSION` of kernels/mod.ts. */
  readonly kernelsVersion: number;
}

/** Times in ms, by shape. */
type Times = Readonly<Record<string, number>>;

interface KernelTimes extends ShapesMeasuredOn {
  readonly kernel: string;
  readonly times: Times;
}

const FORMAT: CacheFormat<KernelTimes> = {
  version: VERSION,
  field: "kernels",
  maxEntries: MAX_KERNELS,
  maxBytes: MAX_FILE_BYTES,
  isEntry: isKernelTimes,
};

/** The times of a cache folder. A file that cannot be used stops no load: what there is to say of it is in `remarks`. */
export class KernelShapeFile {
  /** For the log. */
  readonly remarks: string[] = [];
  readonly #file: CacheFile<KernelTimes>;

  /** @param dir the folder; made at the first {@linkcode record} */
  constructor(dir: string) {
    this.#file = new CacheFile(join(dir, "kernel_shapes.json"), FORMAT);
  }

  /** Times of one adapter, by kernel. */
  async read(on: ShapesMeasuredOn): Promise<Map<string, Times>> {
    const { entries, fault } = await this.#file.read();
    if (fault !== null) this.remarks.push(`Kernels are timed anew: ${fault}`);
    const own = entries.filter((entry) => isOn(entry, on));
    return new Map(own.map(({ kernel, times }) => [kernel, times]));
  }

  /** Adds times by kernel; they replace older ones of the same shape. */
  async record(
    { adapter, kernelsVersion }: ShapesMeasuredOn,
    measured: ReadonlyMap<string, Times>,
  ): Promise<void> {
    const on = { adapter, kernelsVersion };
    try {
      await this.#file.update((kernels) => {
        const isSame = (entry: KernelTimes) => isOn(entry, on) && measured.has(entry.kernel);
        const earlier = new Map(kernels.filter(isSame).map(({ kernel, times }) => [kernel, times]));
        const own = [...measured].map(([kernel, times]) => (
          { ...on, kernel, times: { ...earlier.get(kernel), ...times } }
        ));
        return [...kernels.filter((entry) => !isSame(entry)), ...own];
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.remarks.push(`Kernels were timed, but that could not be kept for later loads: ${why}`);
    }
  }
}

function isOn(entry: KernelTimes, { adapter, kernelsVersion }: ShapesMeasuredOn): boolean {
  return entry.adapter === adapter && entry.kernelsVersion === kernelsVersion;
}

function isKernelTimes(value: unknown): value is KernelTimes {
  if (!isJsonObject(value) || !isJsonObject(value.times)) return false;
  const times = Object.entries(value.times);
  return isText(value.adapter) && isText(value.kernel) && isPositive(value.kernelsVersion) &&
    times.length <= MAX_SHAPES && times.every(([shape, ms]) => isText(shape) && isPositive(ms));
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.length <= MAX_TEXT_LENGTH;
}

function isPositive(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}
