/**
 * SentencePiece's Unigram model: of all ways to cut a word into pieces, the one whose scores sum highest.
 *
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/unigram/model.rs
 * @module
 */
import {
  createByteFallback,
  type ModelParts,
  type SpellWord,
  withoutToken,
} from "./model_parts.ts";

/** How much less an unknown character scores than the worst piece. */
const UNKNOWN_PENALTY = 10;

/** The best way to spell a word up to some place. */
interface Path {
  score: number;
  /** Where the last piece begins. */
  start: number;
  /** The last piece; null for an unknown character. */
  id: number | null;
}

/**
 * Builds a Unigram model. `model.vocab` was checked: pairs of text and score, the place in the list being the id.
 *
 * @throws {RangeError} no piece is left
 */
export function createUnigram(parts: ModelParts): SpellWord {
  const scores = (parts.model.vocab as [string, number][]).map(([, score]) => score);
  const pieces = new PieceList(parts.vocab);
  const unkScore = scores.reduce((least, score) => Math.min(least, score), Infinity) -
    UNKNOWN_PENALTY;
  const spellUnknown = createUnknownSpelling(parts);
  return (word) => {
    const ids: number[] = [];
    /** Unknown characters side by side are spelled together. */
    let unknown = "";
    for (const { start, end, id } of findBestPath(word, pieces, scores, unkScore)) {
      if (id === null) {
        unknown += word.slice(start, end);
        continue;
      }
      if (unknown !== "") ids.push(...spellUnknown(unknown));
      unknown = "";
      ids.push(id);
    }
    if (unknown !== "") ids.push(...spellUnknown(unknown));
    return ids;
  };
}

function createUnknownSpelling(parts: ModelParts): SpellWord {
  const spellBytes = createByteFallback(parts);
  return (text) => {
    const bytes = spellBytes(text);
    if (bytes !== null) return bytes;
    if (parts.unkId === null) throw withoutToken();
    return [parts.unkId];
  };
}

/** Viterbi over the places of a word. */
function findBestPath(
  word: string,
  pieces: PieceList,
  scores: readonly number[],
  unkScore: number,
): { start: number; end: number; id: number | null }[] {
  const paths: (Path | undefined)[] = [{ score: 0, start: 0, id: null }];
  const offer = (end: number, path: Path) => {
    const best = paths[end];
    if (best === undefined || path.score > best.score) paths[end] = path;
  };
  for (let start = 0; start < word.length;) {
    const { score } = paths[start]!;
    const charEnd = start + (word.codePointAt(start)! > 0xffff ? 2 : 1);
    let hasChar = false;
    for (const { end, id } of pieces.findAt(word, start)) {
      offer(end, { score: score + scores[id]!, start, id });
      if (end === charEnd) hasChar = true;
    }
    if (!hasChar) offer(charEnd, { score: score + unkScore, start, id: null });
    start = charEnd;
  }
  const steps: { start: number; end: number; id: number | null }[] = [];
  for (let end = word.length; end > 0;) {
    const { start, id } = paths[end]!;
    steps.push({ start, end, id });
    end = start;
  }
  return steps.reverse();
}

/** The pieces in sorted order: those that begin with a text are neighbours. Takes a tenth of a trie's memory. */
class PieceList {
  readonly #texts: string[];
  readonly #ids: number[];

  constructor(vocab: ReadonlyMap<string, number>) {
    const entries = [...vocab].filter(([text]) => text !== "")
      .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
    this.#texts = entries.map(([text]) => text);
    this.#ids = entries.map(([, id]) => id);
  }

  /** Pieces that stand in a word at a place, shortest first. */
  findAt(word: string, start: number): { end: number; id: number }[] {
    const found: { end: number; id: number }[] = [];
    let low = 0;
    let high = this.#texts.length;
    for (let end = start + 1; end <= word.length; end++) {
      const at = end - start - 1;
      const unit = word.charCodeAt(end - 1);
      low = this.#search(low, high, at, unit);
      high = this.#search(low, high, at, unit + 1);
      if (low === high) return found;
      // A piece never ends within a character: both halves of a pair are in the word.
      if (this.#texts[low]!.length === at + 1) found.push({ end, id: this.#ids[low]! });
    }
    return found;
  }

  /** First of the texts from `low` to `high` whose code unit at `at` is `unit` or more; a text that has ended comes before. */
  #search(low: number, high: number, at: number, unit: number): number {
    while (low < high) {
      const middle = (low + high) >> 1;
      const text = this.#texts[middle]!;
      if (at < text.length && text.charCodeAt(at) >= unit) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
