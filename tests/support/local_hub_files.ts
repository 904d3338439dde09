/**
 * What a hub knows of files: sizes and digests, fixed at the moment a directory is published.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";

/** One file at one commit. */
export interface SnapshotFile {
  name: string;
  /** Where its bytes lie. */
  path: string;
  size: number;
  sha256: string;
  /** Git's name of the content. */
  blobId: string;
  /** Whether the hub keeps it on its content server, as it does with binaries. */
  isLarge: boolean;
}

/** A repository at one commit. */
export interface Snapshot {
  /** Follows from the content. */
  commit: string;
  files: Map<string, SnapshotFile>;
}

/** Takes a directory as it is now; it must not change while it is served. */
export function snapshotDirectory(dir: string): Snapshot {
  const names = [...Deno.readDirSync(dir)].filter(({ isFile }) => isFile).map(({ name }) => name);
  const files = names.sort().map((name) => describeFile(name, `${dir}/${name}`));
  const commit = createHash("sha1");
  for (const { name, sha256 } of files) commit.update(`${name} ${sha256}\n`);
  return { commit: commit.digest("hex"), files: new Map(files.map((file) => [file.name, file])) };
}

/** Size and digests of one file. */
export function describeFile(name: string, path: string): SnapshotFile {
  const content = Buffer.from(Deno.readFileSync(path));
  const blob = createHash("sha1").update(`blob ${content.length}\0`).update(content);
  return {
    name,
    path,
    size: content.length,
    sha256: createHash("sha256").update(content).digest("hex"),
    blobId: blob.digest("hex"),
    isLarge: /\.(?:bin|wasm|model)$/.test(name),
  };
}
