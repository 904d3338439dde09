/**
 * A library's KV cache that keeps tokens instead of keys and values: sequences of pages, which forks share.
 */
import assert from "node:assert/strict";
import type { KvOperations } from "../../engine/backends/web_llm/kv_sequences.ts";

/** As strict as the real one: an unknown sequence, a known one, or a fork inside a page is an error. */
export class PagedTokens implements KvOperations {
  readonly #pageSize: number;
  readonly #sequences = new Map<number, number[][]>();

  constructor(pageSize: number) {
    this.#pageSize = pageSize;
  }

  /** Different pages. */
  get numPages(): number {
    return new Set([...this.#sequences.values()].flat()).size;
  }

  get numSequences(): number {
    return this.#sequences.size;
  }

  add(id: number): void {
    assert.ok(!this.#sequences.has(id), `sequence ${id} is there`);
    this.#sequences.set(id, []);
  }

  remove(id: number): void {
    assert.ok(this.#sequences.delete(id), `sequence ${id} is not there`);
  }

  fork(parent: number, child: number, length: number): void {
    assert.ok(!this.#sequences.has(child), `sequence ${child} is there`);
    assert.equal(length % this.#pageSize, 0, "a fork inside a page copies it");
    assert.ok(length > 0 && length <= this.read(parent).length, `${length} tokens to fork`);
    this.#sequences.set(child, this.#pagesOf(parent).slice(0, length / this.#pageSize));
  }

  append(id: number, tokens: readonly number[]): void {
    const pages = this.#pagesOf(id);
    for (const token of tokens) {
      if (pages.length === 0 || pages.at(-1)!.length === this.#pageSize) pages.push([]);
      pages.at(-1)!.push(token);
    }
  }

  /** The tokens of a sequence. */
  read(id: number): number[] {
    return this.#pagesOf(id).flat();
  }

  #pagesOf(id: number): number[][] {
    const pages = this.#sequences.get(id);
    assert.ok(pages, `sequence ${id} is not there`);
    return pages;
  }
}
