/**
 * One small JSON file of the user's cache folder, which several processes read and write. Knows nothing of what it holds.
 *
 * @module
 */
import { withLock } from "../store/download/lock.ts";

/** How long a writer waits for another process, in ms. */
const MAX_LOCK_WAIT_MS = 1000;

/** How a kind of content is kept. */
export interface CacheFormat<T> {
  /** What a file that is not there holds. */
  readonly empty: T;
  /** A longer file is not ours. */
  readonly maxBytes: number;
  /** @throws {SyntaxError} the value is damaged, or of another version */
  parse(value: unknown): T;
  /** What is written, for `JSON.stringify`. */
  toJson(content: T): unknown;
}

/** A file of one format. */
export class CacheFile<T> {
  readonly #path: string;
  readonly #format: CacheFormat<T>;

  /** @param path in a folder that is made at the first {@linkcode update} */
  constructor(path: string, format: CacheFormat<T>) {
    this.#path = path;
    this.#format = format;
  }

  /** Reads the file. A damaged one is as good as none, and `fault` says why; null where there is none, or a sound one. */
  async read(): Promise<{ content: T; fault: string | null }> {
    const { empty, maxBytes, parse } = this.#format;
    try {
      const { size } = await Deno.stat(this.#path);
      if (size > maxBytes) throw new SyntaxError(`it has ${size} bytes`);
      return { content: parse(JSON.parse(await Deno.readTextFile(this.#path))), fault: null };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { content: empty, fault: null };
      const why = error instanceof Error ? error.message : String(error);
      return {
        content: empty,
        fault: `cannot use ${this.#path}: ${why}; the next load writes it anew`,
      };
    }
  }

  /**
   * Writes what `change` makes of what the file holds by then.
   *
   * @throws {Error} the file cannot be written, or another process holds it for too long
   */
  async update(change: (content: T) => T): Promise<void> {
    const lock = { signal: AbortSignal.timeout(MAX_LOCK_WAIT_MS), pollMs: 5, onWait: () => {} };
    await withLock(`${this.#path}.lock`, lock, async () => {
      const { content } = await this.read();
      await this.#write(JSON.stringify(this.#format.toJson(change(content)), null, 1));
    });
  }

  /** Replaces the file in one step: a reader sees the old one or the new one. */
  async #write(text: string): Promise<void> {
    const part = `${this.#path}.${Deno.pid}-${crypto.randomUUID()}.part`;
    try {
      await Deno.writeTextFile(part, text);
      await Deno.rename(part, this.#path);
    } catch (error) {
      await Deno.remove(part).catch(() => {}); // the write failed, and this is its rest
      throw error;
    }
  }
}
