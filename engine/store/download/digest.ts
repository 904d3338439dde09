/**
 * Hashes of a file, computed while its bytes pass.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";

/** What a file must hash to. `git-sha1` is the name of a blob in git: the SHA-1 of `blob <size>\0` and the content. */
export interface Digest {
  readonly algorithm: "sha256" | "git-sha1" | "md5";
  /** Lower-case hexadecimal. */
  readonly hex: string;
}

const DIGITS: Record<Digest["algorithm"], number> = { "sha256": 64, "git-sha1": 40, "md5": 32 };

/** Reads a digest from a published text; null when it is none. */
export function parseDigest(algorithm: Digest["algorithm"], value: unknown): Digest | null {
  if (typeof value !== "string" || value.length !== DIGITS[algorithm]) return null;
  const hex = value.toLowerCase();
  return /^[0-9a-f]+$/.test(hex) ? { algorithm, hex } : null;
}

/** Reads the hub's entity tag, whose length tells which digest it is: `"<sha256>"` or `"<git sha1>"`, weak or not. */
export function parseEtagDigest(etag: string | null): Digest | null {
  const value = /^(?:W\/)?"?([^"]*)"?$/.exec(etag?.trim() ?? "")?.[1];
  return parseDigest("sha256", value) ?? parseDigest("git-sha1", value);
}

/** Feeds all hashes that a file needs; its SHA-256 is always among them. */
export class ContentHasher {
  readonly #digests: readonly Digest[];
  readonly #hashes = new Map<Digest["algorithm"], Hash>([["sha256", createHash("sha256")]]);

  /** @param size in bytes; null is possible only where no `git-sha1` is expected */
  constructor(digests: readonly Digest[], size: number | null) {
    this.#digests = digests;
    for (const { algorithm } of digests) {
      if (this.#hashes.has(algorithm)) continue;
      const hash = createHash(algorithm === "md5" ? "md5" : "sha1");
      if (algorithm === "git-sha1") hash.update(`blob ${size}\0`);
      this.#hashes.set(algorithm, hash);
    }
  }

  /** Takes the next bytes. */
  update(chunk: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(chunk);
  }

  /**
   * Ends all hashes; nothing may follow.
   *
   * @returns the SHA-256, and the first expected digest that the content does not have
   */
  finish(): { sha256: string; mismatch: { expected: Digest; actual: string } | null } {
    const actual = new Map([...this.#hashes].map(([name, hash]) => [name, hash.digest("hex")]));
    const expected = this.#digests.find(({ algorithm, hex }) => actual.get(algorithm) !== hex);
    return {
      sha256: actual.get("sha256")!,
      mismatch: expected === undefined
        ? null
        : { expected, actual: actual.get(expected.algorithm)! },
    };
  }
}
