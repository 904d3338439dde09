/**
 * Gives each thread of llvmpipe's pool a processor of its own.
 *
 * Linux wakes a thread where it ran last unless another processor is idle, and while the driver wakes its pool one is busy doing so.
 * So on two processors both threads end up on one, one behind the other, and the other processor idles: seen in two of three steps.
 *
 * @module
 */
const TASKS = "/proc/self/task";

/** Bytes of a `cpu_set_t`. */
const CPU_SET_BYTES = 128;

/** Threads of this process; none where the system does not tell. */
export function listThreads(): ReadonlySet<number> {
  try {
    return new Set(Array.from(Deno.readDirSync(TASKS), ({ name }) => Number(name)));
  } catch {
    return new Set();
  }
}

/**
 * Pins the pool's threads, where there are as many as processors that the process may use: with fewer, one is always idle. What
 * cannot be done here, for want of Linux or of a permission, is left as it is.
 *
 * @param before threads before the device was asked for
 * @returns threads that have a processor of their own now
 */
export function pinPoolThreads(before: ReadonlySet<number>): number {
  try {
    const pool = findPool([...listThreads()].filter((id) => !before.has(id)));
    const processors = listProcessors();
    if (pool.length === 0 || pool.length !== processors.length) return 0;
    using libc = openLibc();
    return pool.filter((id, i) => libc.pin(id, processors[i]!)).length;
  } catch {
    return 0;
  }
}

/** llvmpipe starts its rasterizer's threads, which it names, and then as many for kernels, which it does not. */
function findPool(threads: readonly number[]): number[] {
  const sorted = threads.toSorted((a, b) => a - b);
  const isRasterizer = (id: number) =>
    /^llvmpipe-\d+$/.test(Deno.readTextFileSync(`${TASKS}/${id}/comm`).trim());
  const first = sorted.findIndex(isRasterizer);
  if (first < 0) return [];
  const end = sorted.findLastIndex(isRasterizer) + 1;
  return sorted.slice(end, end + end - first);
}

/** Numbers of the processors that this process may use. */
function listProcessors(): number[] {
  const [, list] = /^Cpus_allowed_list:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
  return list!.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last! - first + 1 }, (_, i) => first + i);
  });
}

function openLibc(): Disposable & { pin(thread: number, processor: number): boolean } {
  const library = Deno.dlopen("libc.so.6", {
    sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  });
  return {
    pin(thread, processor) {
      const mask = new Uint8Array(CPU_SET_BYTES);
      mask[processor >> 3] = 1 << (processor & 7);
      return library.symbols.sched_setaffinity(thread, BigInt(CPU_SET_BYTES), mask) === 0;
    },
    [Symbol.dispose]: () => library.close(),
  };
}
