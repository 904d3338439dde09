/**
 * The bytes of a file that is still coming, `<file>.part`, with a note beside it of what they are a part of.
 *
 * @module
 */
import { isJsonObject } from "../../formats/mod.ts";
import { ContentHasher, type Digest } from "./digest.ts";
import { toStorageError } from "./failures.ts";
import { removeIfPresent } from "./mark.ts";

/** Ending of a part's name. */
export const PART_SUFFIX = ".part";
/** Ending of its note's name. */
export const NOTE_SUFFIX = ".part.json";

const READ_BYTES = 1024 * 1024;

/** What the finished file must be. */
export interface ExpectedContent {
  /** Bytes; null when unknown. */
  size: number | null;
  /** All must hold. */
  digests: readonly Digest[];
}

/** What a part is a part of. */
interface PartNote {
  /** First expected digest, `sha256:…`; null when none was known. */
  content: string | null;
  /** Strong entity tag of the answer that the bytes came with. */
  etag: string | null;
}

/** An open part. Its hashes follow the bytes, so the end needs no second reading. */
export class PartFile {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #expected: ExpectedContent;
  #hasher: ContentHasher;
  #length = 0;
  #etag: string | null = null;

  private constructor(path: string, file: Deno.FsFile, expected: ExpectedContent) {
    this.#path = path;
    this.#file = file;
    this.#expected = expected;
    this.#hasher = new ContentHasher(expected.digests, expected.size);
  }

  /** Opens or makes the part at `path`. What an earlier download left is kept if it is a part of the same content. */
  static async open(path: string, expected: ExpectedContent): Promise<PartFile> {
    try {
      await removeUnlessFile(path);
      const file = await Deno.open(path, { create: true, read: true, write: true });
      const part = new PartFile(path, file, expected);
      try {
        await part.#resume(await readNote(path));
      } catch (error) {
        file.close();
        throw error;
      }
      return part;
    } catch (error) {
      throw toStorageError("open", path, error);
    }
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** What the file must be, as far as it is known. */
  get expected(): ExpectedContent {
    return this.#expected;
  }

  /** Strong entity tag of the bytes so far; null when there is none. */
  get etag(): string | null {
    return this.#etag;
  }

  /** Throws the bytes away and begins anew, with what the server's answer told. */
  async restart(expected: ExpectedContent, etag: string | null): Promise<void> {
    this.#expected = expected;
    this.#hasher = new ContentHasher(expected.digests, expected.size);
    this.#etag = etag !== null && etag.startsWith('"') ? etag : null;
    const note: PartNote = { content: identify(expected), etag: this.#etag };
    await this.#store(async () => {
      this.#length = 0;
      await this.#file.truncate(0);
      await this.#file.seek(0, Deno.SeekMode.Start);
      await Deno.writeTextFile(noteOf(this.#path), JSON.stringify(note));
    });
  }

  /** Adds bytes. */
  async append(chunk: Uint8Array): Promise<void> {
    await this.#store(async () => {
      for (let written = 0; written < chunk.length;) {
        written += await this.#file.write(chunk.subarray(written));
      }
    });
    this.#hasher.update(chunk);
    this.#length += chunk.length;
  }

  /** Ends the hashes and makes the bytes survive a power cut. After a mismatch only `restart` may follow. */
  async finish(): Promise<ReturnType<ContentHasher["finish"]>> {
    await this.#store(() => this.#file.sync());
    return this.#hasher.finish();
  }

  /** Closes the file; the bytes stay. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  async #resume(note: PartNote | null): Promise<void> {
    const { size } = await this.#file.stat();
    if (size === 0) return;
    const content = identify(this.#expected);
    const isSame = note !== null && note.content === content &&
      (content !== null || note.etag !== null);
    const isTooLong = this.#expected.size !== null && size > this.#expected.size;
    if (!isSame || isTooLong) return await this.#file.truncate(0);
    this.#etag = note.etag;
    const buffer = new Uint8Array(READ_BYTES);
    for (let read = await this.#file.read(buffer); read !== null;) {
      this.#hasher.update(buffer.subarray(0, read));
      this.#length += read;
      read = await this.#file.read(buffer);
    }
  }

  async #store(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw toStorageError("write", this.#path, error);
    }
  }
}

/** Removes a part and its note. */
export async function removePart(path: string): Promise<void> {
  await removeIfPresent(path);
  await removeIfPresent(noteOf(path));
}

/**
 * Hashes a whole file.
 *
 * @param onRead is told the bytes read so far
 */
export async function hashFile(
  path: string,
  hasher: ContentHasher,
  onRead: (numBytes: number) => void,
): Promise<ReturnType<ContentHasher["finish"]>> {
  using file = await Deno.open(path, { read: true });
  const buffer = new Uint8Array(READ_BYTES);
  let numBytes = 0;
  for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
    hasher.update(buffer.subarray(0, read));
    onRead(numBytes += read);
  }
  return hasher.finish();
}

function noteOf(partPath: string): string {
  return `${partPath}.json`;
}

function identify({ digests }: ExpectedContent): string | null {
  const first = digests[0];
  return first === undefined ? null : `${first.algorithm}:${first.hex}`;
}

/** A link in the part's place would be written through. */
async function removeUnlessFile(path: string): Promise<void> {
  const info = await Deno.lstat(path).catch(() => null);
  if (info !== null && !info.isFile) await Deno.remove(path);
}

/** The note of a part; null when it is absent or damaged, which means the part is of no use. */
async function readNote(partPath: string): Promise<PartNote | null> {
  try {
    const note: unknown = JSON.parse(await Deno.readTextFile(noteOf(partPath)));
    if (!isJsonObject(note)) return null;
    const { content, etag } = note;
    return {
      content: typeof content === "string" ? content : null,
      etag: typeof etag === "string" ? etag : null,
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
    throw error;
  }
}
