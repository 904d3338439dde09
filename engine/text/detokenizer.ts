/**
 * Token ids → text that may be shown now.
 *
 * @module
 */
import { StopMatcher } from "./stop_matcher.ts";

/** Turns the output tokens of one sequence into text. */
export interface Detokenizer {
  /**
   * Takes the next token.
   *
   * @returns text that is safe to show: whole characters, nothing that may still become a stop sequence. When `stopSequence` is
   * set, the text ends before it and the sequence is over: later calls return nothing.
   */
  push(tokenId: number): { text: string; stopSequence: string | null };
  /** What was held back, once no token follows; an incomplete character becomes U+FFFD. */
  flush(): string;
}

/** What a detokenizer needs to know of the tokenizer. */
export interface DetokenizerOptions {
  /** A token's own bytes. */
  tokenBytes: (id: number) => Uint8Array;
  /** Drops one space at the start, which SentencePiece puts before the first word. */
  stripLeadingSpace: boolean;
  /** Texts that end the output. */
  stop: readonly string[];
}

/**
 * Creates the detokenizer of a sequence.
 *
 * @throws {InvalidRequestError} a stop sequence is empty
 */
export function createDetokenizer(options: DetokenizerOptions): Detokenizer {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const matcher = new StopMatcher(options.stop);
  let isAtStart = options.stripLeadingSpace;
  let isOver = false;

  function show(decoded: string): { text: string; stopSequence: string | null } {
    let text = decoded;
    if (isAtStart && text !== "") {
      isAtStart = false;
      if (text.startsWith(" ")) text = text.slice(1);
    }
    const match = matcher.push(text);
    isOver = match.stopSequence !== null;
    return match;
  }

  return {
    push(tokenId) {
      if (isOver) return { text: "", stopSequence: null };
      return show(decoder.decode(options.tokenBytes(tokenId), { stream: true }));
    },
    flush() {
      if (isOver) return "";
      return show(decoder.decode()).text + matcher.flush();
    },
  };
}
