import { DEFAULT_STORE_LIMITS, type ResponseStore, type StoreLimits } from "./response_store.ts";
import { openDatabase, toOpenError } from "./sqlite_database.ts";
import { SqliteStore } from "./sqlite_store.ts";

/** Where responses are kept. */
export type StoreBackend = "none" | "memory" | "sqlite";

/** Options of {@linkcode openResponseStore}. */
export interface StoreOptions {
  backend: StoreBackend;
  /** File of `sqlite`, absolute. */
  path: string;
  /** Bounds below the defaults. */
  limits?: Partial<StoreLimits>;
}

/**
 * Opens the store that the settings name.
 *
 * @returns null when nothing is to be kept
 * @throws {StoreOpenError} the file is foreign, damaged, in use, or newer than this program
 */
export function openResponseStore({ backend, path, limits }: StoreOptions): ResponseStore | null {
  if (backend === "none") return null;
  const database = openDatabase(backend === "memory" ? ":memory:" : path);
  try {
    return new SqliteStore(database, { limits: { ...DEFAULT_STORE_LIMITS, ...limits } });
  } catch (error) {
    // What opens may still be damaged further inside.
    database.close();
    throw toOpenError(path, error);
  }
}
