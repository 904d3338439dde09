/**
 * One SQLite database of our own schema: opened safely, written in transactions that are durable when they return.
 *
 * @see https://www.sqlite.org/wal.html
 * @module
 */
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError, StoreOpenError } from "./response_store.ts";

/** `ollm` in ASCII: tells our files from other programs'. */
const APPLICATION_ID = 0x6f6c6c6d;
/** Of {@linkcode SCHEMA}. A file of a higher version was written by a newer program. */
const SCHEMA_VERSION = 1;

/**
 * A record is a response or a conversation; `record_item` says which items it is made of, in order. Records share items,
 * so that a chain of n turns takes the space of n, and the last record that goes takes an item with it.
 */
const SCHEMA = `
  CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL,
    events TEXT
  ) STRICT;
  CREATE INDEX record_used_at ON record (used_at, seq);
  CREATE INDEX record_unfinished ON record (status) WHERE status IN ('queued', 'in_progress');
  CREATE TABLE item (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX item_id ON item (id);
  CREATE TABLE record_item (
    record_seq INTEGER NOT NULL,
    position INTEGER NOT NULL,
    is_output INTEGER NOT NULL,
    item_key INTEGER NOT NULL,
    PRIMARY KEY (record_seq, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX record_item_key ON record_item (item_key, record_seq);
`;

/** SQLite's result codes that get words of their own. */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/**
 * Opens the database, and creates it where there is none.
 *
 * @param path of the file, or `:memory:`
 * @throws {StoreOpenError} it is not ours, damaged, in use by another process, or newer than this program
 */
export function openDatabase(path: string): DatabaseSync {
  if (path !== ":memory:") createPrivateFile(path);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    // Two servers on one file would each repair what the other one is still writing.
    execute(database, "PRAGMA locking_mode = EXCLUSIVE");
    execute(database, "PRAGMA journal_mode = WAL");
    execute(database, "PRAGMA synchronous = FULL");
    prepareSchema(database, path);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof StoreOpenError) throw error;
    throw toOpenError(path, error);
  }
}

/** Says which store cannot be opened, and why. */
export function toOpenError(path: string, cause: unknown): StoreOpenError {
  return new StoreOpenError(`Cannot open the response store ${path}: ${reasonOf(cause)}`, {
    cause,
  });
}

/** Runs `work` in one transaction that is on the disk when this returns; a failure leaves no trace. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  return orStoreError(() => {
    execute(database, "BEGIN IMMEDIATE");
    try {
      const result = work();
      execute(database, "COMMIT");
      return result;
    } catch (error) {
      // Some failures, such as a full disk, have rolled back already.
      if (database.isTransaction) execute(database, "ROLLBACK");
      throw error;
    }
  });
}

/** Words SQLite's errors for callers who know no SQLite. */
export function orStoreError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (resultCodeOf(error) === undefined) throw error;
    throw new StoreError(`The response store failed: ${reasonOf(error)}`, { cause: error });
  }
}

/** `DatabaseSync.exec` would do, but its errors have no result code. */
function execute(database: DatabaseSync, sql: string): void {
  database.prepare(sql).run();
}

/** The file holds conversations, so nobody else may read it; SQLite gives its journal the same mode. */
function createPrivateFile(path: string): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    Deno.openSync(path, { create: true, append: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new StoreOpenError(`Cannot create the response store ${path}: ${error.message}`, {
      cause: error,
    });
  }
}

function prepareSchema(database: DatabaseSync, path: string): void {
  const version = readPragma(database, "user_version");
  const applicationId = readPragma(database, "application_id");
  const isEmpty = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (isEmpty) {
    inTransaction(database, () => {
      database.exec(SCHEMA);
      execute(database, `PRAGMA application_id = ${APPLICATION_ID}`);
      execute(database, `PRAGMA user_version = ${SCHEMA_VERSION}`);
    });
  } else if (applicationId !== APPLICATION_ID) {
    throw new StoreOpenError(`Cannot use ${path} as response store: another program wrote it`);
  } else if (version !== SCHEMA_VERSION) {
    throw new StoreOpenError(
      `Cannot use the response store ${path}: it has schema version ${version}, this program ` +
        `knows version ${SCHEMA_VERSION}; use the newer program, or another response_store_path`,
    );
  }
}

function readPragma(database: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()![name]);
}

/** SQLite's primary result code; undefined for an error of another origin. */
function resultCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return Number(error.errcode) & 0xff;
}

function reasonOf(error: unknown): string {
  switch (resultCodeOf(error)) {
    case SQLITE_BUSY:
      return "another process uses it";
    case SQLITE_FULL:
      return "the disk is full";
    case SQLITE_NOTADB:
      return "it is not a database";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
