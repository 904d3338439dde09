/**
 * Records made of shared items, bounded in number, size and age. Knows what SQLite needs, not what a response is.
 *
 * @module
 */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import type { Item } from "../openai/responses/items.ts";
import { type PageQuery, type StoredItem, StoreError, type StoreLimits } from "./response_store.ts";
import { inTransaction, orStoreError } from "./sqlite_database.ts";

/** What kind of thing a record is. */
export type RecordKind = "response" | "conversation";

/** A record without its items. */
export interface RecordRow {
  /** Order of creation; the record's name in here. */
  seq: number;
  /** JSON text. */
  body: string;
  /** JSON text. */
  events: string | null;
}

/** A record to add. */
export interface NewRecord {
  kind: RecordKind;
  id: string;
  status: string;
  body: string;
}

/** Which items of a record. */
export type ItemRange = "input" | "all";

/** All changes happen inside {@linkcode Records.change}, one transaction each. */
export class Records {
  readonly #database: DatabaseSync;
  readonly #limits: StoreLimits;
  readonly #now: () => number;
  readonly #sql: ReturnType<typeof prepareStatements>;
  /** Totals of what is committed. */
  #numRecords: number;
  #numBytes: number;
  /** Totals including the transaction that is under way. */
  #pending = { numRecords: 0, numBytes: 0 };

  /** @param now ms since the epoch */
  constructor(database: DatabaseSync, limits: StoreLimits, now: () => number) {
    this.#database = database;
    this.#limits = limits;
    this.#now = now;
    this.#sql = prepareStatements(database);
    const totals = this.#sql.totals.get()!;
    this.#numRecords = Number(totals.num_records);
    this.#numBytes = Number(totals.num_bytes);
  }

  /**
   * Runs changes that all happen, durably, or not at all; then whatever is beyond the limits goes.
   *
   * @throws {StoreError} the disk refused, or the change alone is larger than the store may be
   */
  change<T>(work: () => T): T {
    this.#pending = { numRecords: this.#numRecords, numBytes: this.#numBytes };
    const result = inTransaction(this.#database, () => {
      const result = work();
      const numAdded = this.#pending.numBytes - this.#numBytes;
      if (numAdded > this.#limits.maxBytes) {
        throw new StoreError(
          `The response store holds ${this.#limits.maxBytes} bytes; this takes ${numAdded}`,
        );
      }
      this.#evict();
      return result;
    });
    this.#numRecords = this.#pending.numRecords;
    this.#numBytes = this.#pending.numBytes;
    return result;
  }

  insert({ kind, id, status, body }: NewRecord): number {
    const row = this.#sql.insertRecord.get(kind, id, status, this.#now(), body, body)!;
    this.#pending.numRecords++;
    this.#pending.numBytes += Number(row.bytes);
    return Number(row.seq);
  }

  /** Replaces what a record says, and marks it as just used if it is a conversation. */
  update(seq: number, { status, body, events }: { status: string; body: string; events?: string }) {
    this.#pending.numBytes -= Number(this.#sql.recordBytes.get(seq)!.bytes);
    const given = events ?? null;
    const row = this.#sql.updateRecord.get(status, body, given, body, given ?? "", seq)!;
    this.#pending.numBytes += Number(row.bytes);
  }

  /** Puts off the end of a record's age. */
  touch(seq: number): void {
    this.#sql.touchRecord.run(this.#now(), seq);
  }

  find(kind: RecordKind, id: string): RecordRow | undefined {
    const oldest = this.#now() - this.#limits.maxAgeMs;
    const row = orStoreError(() => this.#sql.findRecord.get(id, kind, oldest));
    if (row === undefined) return undefined;
    const { seq, body, events } = row;
    return {
      seq: Number(seq),
      body: String(body),
      events: events === null ? null : String(events),
    };
  }

  /** Bodies of the records that a crash has left behind. */
  findUnfinished(): RecordRow[] {
    return this.#sql.findUnfinished.all().map(({ seq, body }) => ({
      seq: Number(seq),
      body: String(body),
      events: null,
    }));
  }

  /** Appends items to a record; those that are stored already are shared. */
  append(seq: number, items: StoredItem[], isOutput: boolean): void {
    let position = Number(this.#sql.nextPosition.get(seq)!.position);
    for (const stored of items) {
      if (stored.key === undefined || !this.#has(stored.key, stored.item.id)) {
        const body = JSON.stringify(stored.item);
        const row = this.#sql.insertItem.get(stored.item.id, body, body)!;
        stored.key = Number(row.key);
        this.#pending.numBytes += Number(row.bytes);
      }
      this.#sql.link.run(seq, position++, Number(isOutput), stored.key);
    }
  }

  items(seq: number): StoredItem[] {
    return orStoreError(() => this.#sql.items.all(seq)).map(toStoredItem);
  }

  /**
   * One more than asked for, where there are more.
   *
   * @returns undefined when `after` names none of them
   */
  page(
    seq: number,
    range: ItemRange,
    { limit, order, after }: PageQuery,
  ): StoredItem[] | undefined {
    return orStoreError(() => {
      const start = after === undefined ? undefined : this.#sql.position.get(seq, after);
      if (after !== undefined && start === undefined) return undefined;
      const isDescending = order === "desc";
      const from = start ? Number(start.position) : isDescending ? Number.MAX_SAFE_INTEGER : -1;
      const statement = isDescending ? this.#sql.pageDown : this.#sql.pageUp;
      return statement.all(seq, from, range === "all" ? 1 : 0, limit + 1).map(toStoredItem);
    });
  }

  findItem(id: string): StoredItem | undefined {
    const row = orStoreError(() => this.#sql.findItem.get(id));
    return row === undefined ? undefined : toStoredItem(row);
  }

  /** Takes an item out of a record; false if it is not in there. */
  removeItem(seq: number, itemId: string): boolean {
    const start = this.#sql.position.get(seq, itemId);
    if (start === undefined) return false;
    this.#sql.unlinkOne.run(seq, start.position!);
    this.#addBytes(this.#sql.deleteItemIfUnused.all(start.item_key!));
    return true;
  }

  /** Removes a record, and the items that no other record has. */
  remove(seq: number): void {
    this.#addBytes(this.#sql.deleteOwnItems.all(seq, seq));
    this.#sql.unlink.run(seq);
    this.#addBytes(this.#sql.deleteRecord.all(seq));
    this.#pending.numRecords--;
  }

  #has(key: number, id: string): boolean {
    return this.#sql.hasItem.get(key, id) !== undefined;
  }

  /** Counts deleted rows off. */
  #addBytes(rows: Record<string, SQLOutputValue>[]): void {
    for (const { bytes } of rows) this.#pending.numBytes -= Number(bytes);
  }

  #evict(): void {
    const oldest = this.#now() - this.#limits.maxAgeMs;
    for (;;) {
      const row = this.#sql.oldestRecord.get();
      if (row === undefined) return;
      const isOver = this.#pending.numRecords > this.#limits.maxRecords ||
        this.#pending.numBytes > this.#limits.maxBytes;
      if (!isOver && Number(row.used_at) >= oldest) return;
      this.remove(Number(row.seq));
    }
  }
}

function toStoredItem({ key, body }: Record<string, SQLOutputValue>): StoredItem {
  return { key: Number(key), item: JSON.parse(String(body)) as Item };
}

function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  const page = (comparison: "<" | ">", direction: "ASC" | "DESC") => `
    SELECT item.key, item.body FROM record_item JOIN item ON item.key = record_item.item_key
    WHERE record_seq = ? AND position ${comparison} ? AND is_output <= ?
    ORDER BY position ${direction} LIMIT ?`;
  return {
    totals: sql(`SELECT
      (SELECT count(*) FROM record) AS num_records,
      (SELECT coalesce(sum(bytes), 0) FROM record) + (SELECT coalesce(sum(bytes), 0) FROM item)
        AS num_bytes`),
    insertRecord: sql(`INSERT INTO record (kind, id, status, used_at, body, bytes)
      VALUES (?, ?, ?, ?, ?, octet_length(?)) RETURNING seq, bytes`),
    updateRecord: sql(`UPDATE record SET status = ?, body = ?, events = ?,
      bytes = octet_length(?) + octet_length(?) WHERE seq = ? RETURNING bytes`),
    touchRecord: sql("UPDATE record SET used_at = ? WHERE seq = ?"),
    recordBytes: sql("SELECT bytes FROM record WHERE seq = ?"),
    findRecord: sql(
      "SELECT seq, body, events FROM record WHERE id = ? AND kind = ? AND used_at >= ?",
    ),
    findUnfinished: sql("SELECT seq, body FROM record WHERE status IN ('queued', 'in_progress')"),
    oldestRecord: sql("SELECT seq, used_at FROM record ORDER BY used_at, seq LIMIT 1"),
    deleteRecord: sql("DELETE FROM record WHERE seq = ? RETURNING bytes"),
    insertItem: sql(
      "INSERT INTO item (id, body, bytes) VALUES (?, ?, octet_length(?)) RETURNING key, bytes",
    ),
    hasItem: sql("SELECT 1 FROM item WHERE key = ? AND id = ?"),
    findItem: sql("SELECT key, body FROM item WHERE id = ? ORDER BY key DESC LIMIT 1"),
    nextPosition: sql(
      "SELECT coalesce(max(position) + 1, 0) AS position FROM record_item WHERE record_seq = ?",
    ),
    link: sql(
      "INSERT INTO record_item (record_seq, position, is_output, item_key) VALUES (?, ?, ?, ?)",
    ),
    unlink: sql("DELETE FROM record_item WHERE record_seq = ?"),
    unlinkOne: sql("DELETE FROM record_item WHERE record_seq = ? AND position = ?"),
    deleteOwnItems: sql(`DELETE FROM item
      WHERE key IN (SELECT item_key FROM record_item WHERE record_seq = ?)
        AND NOT EXISTS (
          SELECT 1 FROM record_item AS other
          WHERE other.item_key = item.key AND other.record_seq <> ?)
      RETURNING bytes`),
    deleteItemIfUnused: sql(`DELETE FROM item WHERE key = ?
      AND NOT EXISTS (SELECT 1 FROM record_item WHERE item_key = item.key) RETURNING bytes`),
    items: sql(`SELECT item.key, item.body
      FROM record_item JOIN item ON item.key = record_item.item_key
      WHERE record_seq = ? ORDER BY position`),
    position: sql(`SELECT position, item_key
      FROM record_item JOIN item ON item.key = record_item.item_key
      WHERE record_seq = ? AND item.id = ? LIMIT 1`),
    pageUp: sql(page(">", "ASC")),
    pageDown: sql(page("<", "DESC")),
  };
}
