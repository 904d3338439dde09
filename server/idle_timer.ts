/**
 * A timer for limits that are set again and again and are hardly ever reached, as once a token: setting one costs no timer of
 * the runtime's.
 *
 * @module
 */

/** Calls back once nothing has happened for as long as its limit. */
export class IdleTimer implements Disposable {
  readonly #limitMs: number;
  readonly #onIdle: () => void;
  /** By the monotonic clock; null while nothing is waited for. */
  #deadline: number | null = null;
  /** Rings at or before the deadline, and is then wound up for what is left. */
  #alarm: ReturnType<typeof setTimeout> | undefined;

  constructor(limitMs: number, onIdle: () => void) {
    this.#limitMs = limitMs;
    this.#onIdle = onIdle;
  }

  /** Begins to wait, from now on. */
  restart(): void {
    this.#deadline = performance.now() + this.#limitMs;
    this.#alarm ??= setTimeout(() => this.#ring(), this.#limitMs);
  }

  /** There is nothing to wait for. */
  stop(): void {
    this.#deadline = null;
  }

  /** Ends it for good; an alarm that is under way would keep the process alive. */
  [Symbol.dispose](): void {
    this.stop();
    clearTimeout(this.#alarm);
    this.#alarm = undefined;
  }

  #ring(): void {
    this.#alarm = undefined;
    if (this.#deadline === null) return;
    const leftMs = this.#deadline - performance.now();
    if (leftMs > 0) {
      this.#alarm = setTimeout(() => this.#ring(), leftMs);
      return;
    }
    this.#deadline = null;
    this.#onIdle();
  }
}
