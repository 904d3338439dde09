/**
 * The last output items of a server without a store: clients that send back ids instead of items keep working.
 *
 * @module
 */
import type { Item } from "../openai/responses/items.ts";

/** Bounds of an {@linkcode ItemRing}. */
export interface ItemRingLimits {
  /** @default 4096 */
  maxItems: number;
  /** Characters of JSON text. @default 16777216 */
  maxChars: number;
}

/** Long enough for hundreds of conversations in progress. */
const DEFAULT_LIMITS: ItemRingLimits = { maxItems: 4096, maxChars: 16 * 1024 * 1024 };

/** Items by id; the oldest go first. */
export class ItemRing {
  readonly #limits: ItemRingLimits;
  /** In order of arrival. */
  readonly #items = new Map<string, { item: Item; numChars: number }>();
  #numChars = 0;

  constructor(limits: Partial<ItemRingLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  add(items: Item[]): void {
    for (const item of items) {
      this.#remove(item.id);
      const numChars = JSON.stringify(item).length;
      this.#items.set(item.id, { item, numChars });
      this.#numChars += numChars;
    }
    for (const id of this.#items.keys()) {
      const { maxItems, maxChars } = this.#limits;
      if (this.#items.size <= maxItems && this.#numChars <= maxChars) break;
      this.#remove(id);
    }
  }

  find(id: string): Item | undefined {
    return this.#items.get(id)?.item;
  }

  #remove(id: string): void {
    this.#numChars -= this.#items.get(id)?.numChars ?? 0;
    this.#items.delete(id);
  }
}
