/**
 * Follows grammars without a model: every byte is a token, and the next one is drawn at random among those allowed.
 */
import { GrammarService, type GrammarSession } from "../../engine/sampling/grammar/mod.ts";
import type { Constraint } from "../../engine/sampling/grammar/mod.ts";

/** Ids 0 to 255 are bytes, 256 ends the text, then come some tokens of several bytes. */
export const END = 256;
const WORDS = ['": ', ', "', '"}', "\n\n", "ab", "é", "<tool_call>", "</tool_call>", "}\n</"];
const TOKENS: readonly Uint8Array[] = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  new Uint8Array(0),
  ...WORDS.map((word) => new TextEncoder().encode(word)),
];

/** A grammar service of that vocabulary. */
export function createByteGrammars(maxRequestMs = 10_000): GrammarService {
  return new GrammarService({
    numTokens: TOKENS.length,
    eosTokenIds: new Set([END]),
    tokenBytes: (id) => TOKENS[id]!,
  }, { maxRequestMs });
}

/** Ids that may come next, or null when the grammar has ended. */
export async function readAllowed(session: GrammarSession): Promise<number[] | null> {
  const { mask, isComplete } = await session.next();
  if (isComplete) return null;
  return TOKENS.map((_, id) => id)
    .filter((id) => mask === null || ((mask[id >> 5]! >>> (id & 31)) & 1) === 1);
}

/** One random text of the grammar; null when it did not end within `maxTokens`. Closing characters are preferred. */
export async function walk(
  session: GrammarSession,
  random: () => number,
  maxTokens = 2000,
): Promise<string | null> {
  const bytes: number[] = [];
  for (let i = 0; i < maxTokens; i++) {
    const allowed = await readAllowed(session);
    if (allowed === null) return new TextDecoder().decode(Uint8Array.from(bytes));
    const closing = allowed.filter((id) => id === END || '"}]'.includes(String.fromCharCode(id)));
    const from = closing.length > 0 && random() < 0.3 ? closing : allowed;
    const id = from[Math.floor(random() * from.length)]!;
    if (id === END) return new TextDecoder().decode(Uint8Array.from(bytes));
    session.accept(id);
    bytes.push(...TOKENS[id]!);
  }
  return null;
}

/** Whether the grammar allows exactly this text. */
export async function accepts(
  grammars: GrammarService,
  constraint: Constraint,
  text: string,
): Promise<boolean> {
  const session = await grammars.open(constraint);
  try {
    for (const byte of new TextEncoder().encode(text)) {
      const allowed = await readAllowed(session);
      if (allowed === null || !allowed.includes(byte)) return false;
      session.accept(byte);
    }
    const allowed = await readAllowed(session);
    return allowed === null || allowed.includes(END);
  } finally {
    session.close();
  }
}

/** Every text of a finite grammar, sorted; throws beyond `maxTexts`. Whole tokens only count as their bytes. */
export async function listTexts(
  grammars: GrammarService,
  constraint: Constraint,
  maxTexts = 200,
): Promise<string[]> {
  const texts: string[] = [];
  const visit = async (prefix: number[]): Promise<void> => {
    const session = await grammars.open(constraint);
    for (const byte of prefix) session.accept(byte);
    const allowed = await readAllowed(session);
    session.close();
    if (allowed === null || allowed.includes(END)) {
      texts.push(new TextDecoder().decode(Uint8Array.from(prefix)));
      if (texts.length > maxTexts) throw new RangeError(`More than ${maxTexts} texts`);
    }
    for (const byte of allowed ?? []) if (byte < END) await visit([...prefix, byte]);
  };
  await visit([]);
  return texts.sort();
}
