/**
 * What is on disk of a download. Compares names and sizes; no byte is hashed.
 *
 * @module
 */
import { join } from "node:path";
import type { DownloadMark } from "./download/mark.ts";
import { PART_SUFFIX } from "./download/part_file.ts";

/** Files of a finished download that are absent or have another size, each with what is wrong. */
export async function findDamage(dir: string, { files }: DownloadMark): Promise<string[]> {
  const found = await Promise.all(files.map(async ({ path, bytes }) => {
    const info = await Deno.lstat(join(dir, path)).catch(() => null);
    if (info === null) return `${path} is missing`;
    if (!info.isFile) return `${path} is no regular file`;
    return info.size === bytes ? null : `${path} has ${info.size} of ${bytes} bytes`;
  }));
  return found.filter((fault) => fault !== null);
}

/** Whether a download is under way in the directory, or was cut off. */
export async function hasParts(dir: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(dir)) if (name.endsWith(PART_SUFFIX)) return true;
  return false;
}
