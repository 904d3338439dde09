/**
 * One small JSON file of the user's cache folder, which several processes read and write. Knows nothing of its entries.
 *
 * @module
 */
import { isJsonObject } from "../formats/mod.ts";
import { withLock } from "../store/download/lock.ts";

/** How long a writer waits for another process, in ms. */
const MAX_LOCK_WAIT_MS = 1000;

/** How entries of one kind are kept: as `{ version, <field>: entries }`. */
export interface CacheFormat<T> {
  /** A file with another number is written anew. */
  readonly version: number;
  readonly field: string;
  /** More entries are not ours; of those that are written the last ones stay. */
  readonly maxEntries: number;
  /** A longer file is not ours. */
  readonly maxBytes: number;
  /** Whether a value is sound. */
  isEntry(value: unknown): value is T;
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
  async read(): Promise<{ entries: readonly T[]; fault: string | null }> {
    try {
      const { size } = await Deno.stat(this.#path);
      if (size > this.#format.maxBytes) throw new SyntaxError(`it has ${size} bytes`);
      return { entries: this.#parse(await Deno.readTextFile(this.#path)), fault: null };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { entries: [], fault: null };
      const why = error instanceof Error ? error.message : String(error);
      return {
        entries: [],
        fault: `cannot use ${this.#path}: ${why}; the next load writes it anew`,
      };
    }
  }

  /**
   * Writes what `change` makes of what the file holds by then.
   *
   * @throws {Error} the file cannot be written, or another process holds it for too long
   */
  async update(change: (entries: readonly T[]) => readonly T[]): Promise<void> {
    const { version, field, maxEntries } = this.#format;
    const lock = { signal: AbortSignal.timeout(MAX_LOCK_WAIT_MS), pollMs: 5, onWait: () => {} };
    await withLock(`${this.#path}.lock`, lock, async () => {
      const { entries } = await this.read();
      const kept = change(entries).slice(-maxEntries);
      await this.#write(JSON.stringify({ version, [field]: kept }, null, 1));
    });
  }

  /** @throws {SyntaxError} the text is damaged, or of another version */
  #parse(text: string): readonly T[] {
    const { version, field, maxEntries, isEntry } = this.#format;
    const file: unknown = JSON.parse(text);
    const entries = isJsonObject(file) ? file[field] : null;
    if (!isJsonObject(file) || !Array.isArray(entries)) throw new SyntaxError("it is damaged");
    if (file.version !== version) throw new SyntaxError(`it is of version ${file.version}`);
    if (entries.length > maxEntries || !entries.every(isEntry)) {
      throw new SyntaxError("it is damaged");
    }
    return entries;
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
