/**
 * Finds literals in text: a trie walked from each position, so time is text length × longest literal at worst.
 *
 * @module
 */

interface TrieNode<T> {
  next: Map<string, TrieNode<T>>;
  /** Set where a literal ends. */
  value: T | null;
}

/** A literal found in a text. */
export interface TrieMatch<T> {
  /** First code unit after the literal. */
  end: number;
  /** What the literal stands for. */
  value: T;
}

/** Maps literals to values. */
export class TokenTrie<T> {
  readonly #root: TrieNode<T> = { next: new Map(), value: null };

  /** Adds a literal; empty ones are ignored. */
  add(literal: string, value: T): void {
    if (literal === "") return;
    let node = this.#root;
    for (let i = 0; i < literal.length; i++) {
      let child = node.next.get(literal[i]!);
      if (child === undefined) node.next.set(literal[i]!, child = { next: new Map(), value: null });
      node = child;
    }
    node.value = value;
  }

  /** The longest literal that begins at `start`, or null. */
  matchAt(text: string, start: number): TrieMatch<T> | null {
    let match: TrieMatch<T> | null = null;
    let node = this.#root.next.get(text[start] ?? "");
    for (let end = start + 1; node !== undefined; end++) {
      if (node.value !== null) match = { end, value: node.value };
      node = node.next.get(text[end] ?? "");
    }
    return match;
  }

  /** True if the text from `start` to `end` is the beginning of a literal, or the whole of one. */
  isPrefixAt(text: string, start: number, end: number): boolean {
    let node: TrieNode<T> | undefined = this.#root;
    for (let i = start; i < end && node !== undefined; i++) node = node.next.get(text[i]!);
    return node !== undefined;
  }
}
