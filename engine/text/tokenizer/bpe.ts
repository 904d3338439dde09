/**
 * Byte-pair encoding: a word's characters are joined pair by pair, the pair of the lowest rank first.
 *
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/bpe/
 * @module
 */
import { MergeQueue } from "./merge_queue.ts";
import { MergeTable } from "./merge_table.ts";
import {
  createByteFallback,
  type ModelParts,
  type SpellWord,
  withoutToken,
} from "./model_parts.ts";
import { readShortText } from "./steps.ts";

/** Words remembered with their tokens, and the longest one that is. */
const MAX_CACHED_WORDS = 10_000;
const MAX_CACHED_LENGTH = 64;

/**
 * Builds a BPE model.
 *
 * @throws {Error} a merge is damaged or names a token that is not there
 */
export function createBpe(parts: ModelParts): SpellWord {
  const { model, vocab } = parts;
  const step = { ...model, type: "BPE" };
  const prefix = readShortText(step, "continuing_subword_prefix", "");
  const merges = readMerges(parts, prefix);
  const spellChars = createCharSpelling(
    parts,
    prefix,
    readShortText(step, "end_of_word_suffix", ""),
  );
  const cache = new Map<string, readonly number[]>();
  return (word) => {
    const cached = cache.get(word);
    if (cached !== undefined) return cached;
    const whole = model.ignore_merges === true ? vocab.get(word) : undefined;
    const ids = whole === undefined ? mergeAll(spellChars(word), merges) : [whole];
    if (word.length <= MAX_CACHED_LENGTH) {
      if (cache.size >= MAX_CACHED_WORDS) cache.clear();
      cache.set(word, ids);
    }
    return ids;
  };
}

/** A word character by character, before any merge. */
function createCharSpelling(
  parts: ModelParts,
  prefix: string,
  suffix: string,
): (word: string) => number[] {
  const { model, vocab, unkId } = parts;
  const spellBytes = createByteFallback(parts);
  const fusesUnknown = model.fuse_unk === true;
  return (word) => {
    const ids: number[] = [];
    let isUnknown = false;
    for (let at = 0; at < word.length;) {
      const char = String.fromCodePoint(word.codePointAt(at)!);
      const isFirst = at === 0;
      at += char.length;
      const text = (isFirst ? "" : prefix) + char + (at === word.length ? suffix : "");
      const id = vocab.get(text);
      const spelled = id === undefined ? spellBytes(text) : [id];
      if (spelled === null && unkId === null) throw withoutToken();
      if (spelled !== null) ids.push(...spelled);
      else if (!isUnknown || !fusesUnknown) ids.push(unkId!);
      isUnknown = spelled === null;
    }
    return ids;
  };
}

/**
 * Merges until no pair is left that has a rank. Symbols are a list linked by place: `next[i]` is the place behind i, and a place
 * that was merged into the one before it has id −1.
 */
function mergeAll(ids: number[], merges: MergeTable): number[] {
  const { length } = ids;
  if (length < 2) return ids;
  const next = Int32Array.from({ length }, (_, i) => i + 1);
  const before = Int32Array.from({ length }, (_, i) => i - 1);
  const queue = new MergeQueue();
  const enqueue = (place: number) => {
    if (place < 0 || next[place]! >= length) return;
    const rank = merges.rankOf(ids[place]!, ids[next[place]!]!);
    if (rank >= 0) queue.push(rank, place);
  };
  for (let place = 0; place + 1 < length; place++) enqueue(place);
  for (let merge = queue.pop(); merge !== null; merge = queue.pop()) {
    const { rank, place } = merge;
    const right = next[place]!;
    if (ids[place] === -1 || right >= length) continue;
    // Either symbol may have changed since the merge was found.
    if (merges.rankOf(ids[place]!, ids[right]!) !== rank) continue;
    ids[place] = merges.mergedOf(ids[place]!, ids[right]!);
    ids[right] = -1;
    next[place] = next[right]!;
    if (next[place]! < length) before[next[place]!] = place;
    enqueue(before[place]!);
    enqueue(place);
  }
  return ids.filter((id) => id !== -1);
}

/** Pairs in order of rank; what they make must be in the vocabulary, or text would vanish. */
function readMerges({ model, vocab, hiddenTexts }: ModelParts, prefix: string): MergeTable {
  const { merges } = model;
  if (!Array.isArray(merges)) throw new TypeError("model.merges is not a list");
  const table = new MergeTable(merges.length);
  for (const [rank, merge] of merges.entries()) {
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((t) => typeof t === "string")) {
      throw new TypeError(`model.merges[${rank}] is not a pair of texts`);
    }
    const [left, right] = pair as [string, string];
    const made = left + (right.startsWith(prefix) ? right.slice(prefix.length) : right);
    if (hiddenTexts.has(left) || hiddenTexts.has(right) || hiddenTexts.has(made)) continue;
    const idOf = (text: string, verb: string) => {
      const id = vocab.get(text);
      if (id !== undefined) return id;
      const shown = JSON.stringify(text.slice(0, 60));
      throw new RangeError(`model.merges[${rank}] ${verb} ${shown}, which has no id`);
    };
    table.add(idOf(left, "names"), idOf(right, "names"), rank, idOf(made, "makes"));
  }
  return table;
}
