/**
 * Freed buffers that wait for a tensor of their size.
 *
 * @module
 */

/** A step's tensors are a few MB, a long prefill's some tens: what is kept for the next one stays below a weight's size. */
const MAX_POOLED_BYTES = 64 * 1024 * 1024;

/** Keeps what was used last. */
export class BufferPool {
  readonly #maxBytes: number;
  /** By size; the size that was given back longest ago comes first. */
  readonly #free = new Map<number, GPUBuffer[]>();
  #numBytes = 0;

  /** @param maxBytes of all buffers that wait */
  constructor(maxBytes = MAX_POOLED_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** A buffer of exactly this size, with whatever is in it. */
  take(size: number): GPUBuffer | undefined {
    const buffer = this.#free.get(size)?.pop();
    if (buffer) this.#numBytes -= size;
    return buffer;
  }

  /** Takes a buffer back. @returns buffers that there is no room for, for the caller to destroy */
  give(buffer: GPUBuffer): GPUBuffer[] {
    const same = this.#free.get(buffer.size) ?? [];
    same.push(buffer);
    this.#free.delete(buffer.size);
    this.#free.set(buffer.size, same);
    this.#numBytes += buffer.size;
    const evicted: GPUBuffer[] = [];
    while (this.#numBytes > this.#maxBytes) evicted.push(this.#evict());
    return evicted;
  }

  #evict(): GPUBuffer {
    for (const [size, buffers] of this.#free) {
      const buffer = buffers.shift();
      if (buffers.length === 0) this.#free.delete(size);
      if (!buffer) continue;
      this.#numBytes -= size;
      return buffer;
    }
    throw new Error("A pool without buffers holds no bytes");
  }
}
