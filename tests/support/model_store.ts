/**
 * Models directories as users and downloads leave them.
 *
 * @module
 */
import type { StoreOptions } from "../../engine/store/mod.ts";
import { type PackageFixture, writePackageInto } from "./mlc_package.ts";
import { makeTestDir } from "./test_dir.ts";

/** Changes a valid package before it is written. */
export type Damage = (fixture: PackageFixture) => void;

/** A models directory and a directory of built-in models, both with packages of the user's own. */
export async function makeStore(
  names: readonly string[] = [],
  damage?: Damage,
): Promise<StoreOptions> {
  const [modelsDir, builtinDir] = [makeTestDir(), makeTestDir()];
  await Deno.mkdir(`${builtinDir}/ollm-tiny`);
  await writePackageInto(`${builtinDir}/ollm-tiny`);
  for (const name of names) {
    await Deno.mkdir(`${modelsDir}/${name}`, { recursive: true });
    await writePackageInto(`${modelsDir}/${name}`, damage);
  }
  return { modelsDir, builtinDir };
}

/** What a download left. */
export interface Download {
  /** Directory below the models directory. */
  name: string;
  repository: string;
  /** @default "main" */
  revision?: string;
  damage?: Damage;
}

/**
 * Puts a finished download into a store.
 *
 * @returns its directory
 */
export async function addDownload(
  { modelsDir }: StoreOptions,
  { name, repository, revision = "main", damage }: Download,
): Promise<string> {
  const dir = `${modelsDir}/${name}`;
  await Deno.mkdir(dir);
  await writePackageInto(dir, damage);
  const files = [];
  for await (const { name: path } of Deno.readDir(dir)) {
    files.push({ path, bytes: (await Deno.stat(`${dir}/${path}`)).size, sha256: "0".repeat(64) });
  }
  const mark = {
    repository,
    revision,
    commit: "1".repeat(40),
    files: files.sort((a, b) => a.path < b.path ? -1 : 1),
    completedAt: "2026-01-02T03:04:05.000Z",
  };
  await Deno.writeTextFile(`${dir}/.ollm.json`, JSON.stringify(mark));
  return dir;
}

/** Writes a file in place of a compiled library, with its folders. */
export async function addLibrary(path: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(path, new Uint8Array(1000));
}
