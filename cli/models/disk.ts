import { join } from "node:path";

/**
 * Bytes of the files directly in a directory, which is where packages keep theirs.
 *
 * @returns null when there is no such directory
 */
export async function measureDirectory(path: string | null): Promise<number | null> {
  if (path === null) return null;
  const info = await Deno.stat(path).catch(() => null);
  if (!info?.isDirectory) return null;
  let numBytes = 0;
  for await (const { name, isFile } of Deno.readDir(path)) {
    if (isFile) numBytes += (await Deno.stat(join(path, name)).catch(() => null))?.size ?? 0;
  }
  return numBytes;
}
