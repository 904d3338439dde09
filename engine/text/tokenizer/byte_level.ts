/**
 * GPT-2's alphabet, which spells each byte as a printable character.
 *
 * @see https://github.com/openai/gpt-2/blob/master/src/encoder.py bytes_to_unicode
 * @module
 */

/** Printable Latin-1 bytes stand for themselves, the other 68 for U+0100 upwards in order. */
const CHARS: readonly string[] = createAlphabet();
const BYTES: ReadonlyMap<string, number> = new Map(CHARS.map((char, byte) => [char, byte]));

/** Spells the UTF-8 bytes of a text. */
export function bytesToChars(text: string): string {
  let result = "";
  for (const byte of new TextEncoder().encode(text)) result += CHARS[byte]!;
  return result;
}

/** The bytes that a text spells; null if a character stands for none. */
export function charsToBytes(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = BYTES.get(text[i]!);
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}

function createAlphabet(): string[] {
  let numMoved = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(isPrintable ? byte : 0x100 + numMoved++);
  });
}
