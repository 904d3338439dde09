/**
 * What a client hears while it waits.
 *
 * @module
 */
import { IdleTimer } from "./idle_timer.ts";

/** Puts an event into every silence. */
export async function* withKeepAlive<T>(
  events: AsyncGenerator<T>,
  { silenceMs, create }: { silenceMs: number; create: () => T },
): AsyncGenerator<T> {
  let onSilence = () => {};
  using silence = new IdleTimer(silenceMs, () => onSilence());
  let pending: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      pending ??= events.next();
      const silent = new Promise<undefined>((resolve) => onSilence = () => resolve(undefined));
      silence.restart();
      const result = await Promise.race([pending, silent]);
      if (result === undefined) {
        yield create();
        continue;
      }
      silence.stop();
      pending = undefined;
      if (result.done) return;
      yield result.value;
    }
  } finally {
    // A read that is under way ends on its own once its run is cancelled.
    pending?.catch(() => {});
    void events.return(undefined);
  }
}

/** Undefined when the time is over first. */
export async function withinTime<T>(promise: Promise<T>, timeMs: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
