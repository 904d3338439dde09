/**
 * Texts in many scripts for tokenizers: seeded random ones, and hand-written ones at which tokenizers differ.
 *
 * @module
 */
import { type Choose, createChoose } from "./fuzz/choose.ts";

/** Scripts and other ranges of characters. */
const RANGES: readonly (readonly [first: number, last: number])[] = [
  [0x61, 0x7a], // Latin
  [0x41, 0x5a],
  [0xc0, 0x17f],
  [0x1e00, 0x1eff], // Vietnamese
  [0x250, 0x2af], // IPA
  [0x391, 0x3c9], // Greek
  [0x1f00, 0x1f15],
  [0x410, 0x44f], // Cyrillic
  [0x450, 0x481],
  [0x531, 0x556], // Armenian
  [0x5d0, 0x5ea], // Hebrew
  [0x591, 0x5bd], // Hebrew points
  [0x621, 0x64a], // Arabic
  [0x64b, 0x652], // Arabic vowel signs
  [0x660, 0x669],
  [0x710, 0x72f], // Syriac
  [0x904, 0x939], // Devanagari
  [0x93e, 0x94d],
  [0x966, 0x96f],
  [0x985, 0x9b9], // Bengali
  [0xa05, 0xa39], // Gurmukhi
  [0xa85, 0xab9], // Gujarati
  [0xb83, 0xbb9], // Tamil
  [0xbbe, 0xbcd],
  [0xc05, 0xc39], // Telugu
  [0xc85, 0xcb9], // Kannada
  [0xd05, 0xd39], // Malayalam
  [0xd85, 0xdc6], // Sinhala
  [0xe01, 0xe3a], // Thai
  [0xe81, 0xeb0], // Lao
  [0xf40, 0xf6c], // Tibetan
  [0x1000, 0x102a], // Burmese
  [0x10d0, 0x10fa], // Georgian
  [0x1200, 0x1248], // Ethiopic
  [0x13a0, 0x13f5], // Cherokee
  [0x1780, 0x17b3], // Khmer
  [0x1820, 0x1842], // Mongolian
  [0x3041, 0x3096], // Hiragana
  [0x30a1, 0x30fa], // Katakana
  [0x4e00, 0x9fa5], // Han
  [0x3400, 0x4db5],
  [0x20000, 0x2a6d6],
  [0xac00, 0xd7a3], // Hangul
  [0x1100, 0x1112], // Hangul jamo
  [0xff01, 0xff5e], // full width
  [0x1d400, 0x1d433], // mathematical letters
  [0x10330, 0x1034a], // Gothic
  [0x12000, 0x120ff], // cuneiform
  [0x1f600, 0x1f64f], // emoji
  [0x1f1e6, 0x1f1ff], // flags
  [0x1f3fb, 0x1f3ff], // skin tones
  [0x2190, 0x21ff], // arrows
  [0x2200, 0x22ff], // mathematical signs
  [0x20a0, 0x20bf], // currencies
  [0x2460, 0x24ff], // enclosed numbers
  [0x2150, 0x218b], // fractions, Roman numerals
  [0x300, 0x36f], // combining marks
  [0xe000, 0xe0ff], // private use
  [0x2000, 0x200f], // spaces and joiners
  [0x2028, 0x202f],
];

const PUNCTUATION = [..."!\"#$%&'()*+,-./:;=?@[\\]^_`{}~¡¿«»„“”‚‘’…–—、。「」؟،।"];
const SPACES = [" ", " ", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", " \n ", "\u00a0", "\u3000"];

/** Texts at which tokenizers differ. */
export const HARD_TEXTS: readonly string[] = [
  "",
  " ",
  "  ",
  "\n",
  "\r",
  "\r\n",
  "\t\t",
  " \n \n ",
  "a",
  " a",
  "a ",
  "  a  b   c    ",
  "line\r\nline\n\nline\r\rline",
  "trailing   \n",
  "\n\n\n   indented",
  "it's we'll I'd they're I've I'm don't",
  "IT'S WE'LL I'D THEY'RE I'VE I'M",
  "'s 't ''s 'S 'ſ",
  "x'ſ y'K",
  "0",
  "12",
  "123",
  "1234",
  "1234567890".repeat(30),
  "3.14159 1,000,000 1e-9 0x1F ½ ² Ⅷ ①",
  "٣٤٥ १२३ ௧௨ 一二三",
  "e\u0301",
  "\u00e9",
  "\u0301",
  " \u0301a",
  "a\u0301\u0302\u0303\u0304",
  "A\u030a \u212b \u00c5",
  "\u1100\u1161\u11a8 \uac01",
  "\ufb01 \ufb03 \u2126 \u03a9",
  "ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ",
  "İstanbul ıI ŞĞ",
  "Straße ẞ",
  "👨‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇩🇪🇫🇷",
  "❤️ ❤ ☺️ 1️⃣",
  "\u200d \u200c \u200b\u2060\ufeff",
  "\ufeffstart",
  "שלום עולם مرحبا بالعالم",
  "\u202eabc\u202c \u2066def\u2069",
  "\u0000",
  "a\u0000b\u0001c\u001fd\u007fe\u0080f\u009f",
  "\u0085 \u1680 \u2000 \u2028 \u2029 \u202f \u205f \u3000",
  "\ue000\uf8ff\u{f0000}\u{10ffff}",
  "\ufffd\ufffe\uffff",
  "\ud7ff\ue000",
  "\u{10000}\u{1ffff}\u{2ffff}",
  "\u0378\u0530\u{e0fff}", // not assigned
  "𝓗𝓮𝓵𝓵𝓸 𝟙𝟚𝟛",
  "日本語の文章です。次の文。",
  "中文和English混合123文字",
  "한국어 문장입니다.",
  "ภาษาไทยไม่มีช่องว่าง",
  "नमस्ते दुनिया",
  "\u2581 \u2581\u2581a ▁b",
  "Ġ Ċ ĉ Ā",
  "<0x0A> <0xFF> <0xff>",
  "##ing ##",
  "[UNUSED] [mask",
  "snake_case camelCase kebab-case SCREAMING_CASE",
  "https://example.org/a?b=c&d=%20#e user@example.org",
  "if (x == 1) {\n\treturn `a${b}`;\n}\n",
  "```python\nprint('hi')\n```",
  "a".repeat(300),
  " ".repeat(300),
  "\n".repeat(100),
  "ab ".repeat(100),
  "!?!?!?...---===***",
  "$100 €50 £20 ¥3 +1 <a> x=y a^b ~c |d",
  "__proto__ constructor toString hasOwnProperty",
];

/** Seeded texts, the hand-written ones first. */
export function createTexts(seed: number, count: number): string[] {
  const choose = createChoose(seed);
  const texts = HARD_TEXTS.slice(0, count);
  while (texts.length < count) texts.push(randomText(choose));
  return texts;
}

function randomText(choose: Choose): string {
  // A text keeps to few scripts, as real ones do.
  const ranges = Array.from({ length: 1 + choose.below(3) }, () => choose.of(RANGES));
  let text = "";
  for (let i = 1 + choose.below(12); i > 0; i--) {
    text += randomWord(choose, ranges);
    text += choose.chance(0.3) ? choose.of(PUNCTUATION) : "";
    text += choose.chance(0.8) ? choose.of(SPACES) : "";
  }
  if (choose.chance(0.1)) text = text.normalize("NFD");
  return text;
}

function randomWord(choose: Choose, ranges: readonly (readonly [number, number])[]): string {
  if (choose.chance(0.1)) return String(choose.below(10 ** (1 + choose.below(12))));
  const [first, last] = choose.of(ranges);
  let word = "";
  for (let i = 1 + choose.below(8); i > 0; i--) {
    word += String.fromCodePoint(first + choose.below(last - first + 1));
  }
  return word;
}
