/**
 * Waiting for what others do: in turn, no longer than allowed, and not after the caller has left.
 *
 * @module
 */

/** Runs pieces of work one after the other, in the order in which they were given. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` behind everything that was given before, whether or not that succeeded. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** Something that changes; whoever waits for that looks again. */
export class Changes {
  #next = Promise.withResolvers<boolean>();

  /** Wakes all who wait. */
  notify(): void {
    this.#next.resolve(true);
    this.#next = Promise.withResolvers();
  }

  /** Resolves at the next change, or with false when `timeMs` are over first. */
  async wait(timeMs: number): Promise<boolean> {
    const { promise } = this.#next;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), Math.max(0, timeMs));
    });
    try {
      return await Promise.race([promise, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The same promise for one of several who wait: rejects with the signal's reason as soon as it is aborted. */
export async function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  promise.catch(() => {}); // nobody may be left to hear of it
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
