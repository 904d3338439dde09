/**
 * Small tokenizers made in code: every byte has a token, a few words are merged, and the usual control tokens exist.
 *
 * @module
 */

/** GPT-2's spelling of bytes, written here a second time so that the tests do not lean on the code they test. */
export function byteChar(byte: number): string {
  if ((byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae) {
    return String.fromCharCode(byte);
  }
  if (byte <= 0x20) return String.fromCharCode(0x100 + byte);
  if (byte <= 0xa0) return String.fromCharCode(0x100 + 33 + byte - 0x7f);
  return String.fromCharCode(0x143);
}

/** An entry of `added_tokens`. */
export interface AddedTokenFixture {
  content: string;
  special: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
}

/** Control tokens of the ChatML fixtures: ids from 300 in this order. */
export const CHATML_TOKENS: readonly AddedTokenFixture[] = [
  { content: "<|endoftext|>", special: true },
  { content: "<|im_start|>", special: true },
  { content: "<|im_end|>", special: true },
  { content: "<tool_call>", special: false, normalized: false },
  { content: "</tool_call>", special: false, normalized: false },
];

/** Control tokens of the Llama 3 fixtures. */
export const LLAMA3_TOKENS: readonly AddedTokenFixture[] = [
  { content: "<|begin_of_text|>", special: true },
  { content: "<|end_of_text|>", special: true },
  { content: "<|start_header_id|>", special: true },
  { content: "<|end_header_id|>", special: true },
  { content: "<|eot_id|>", special: true },
];

/** Id of the first added token. */
export const FIRST_ADDED_ID = 300;

/** Merged words: ids from 256 in this order. */
const MERGES = [
  ["h", "e"],
  ["l", "l"],
  ["he", "ll"],
  ["hell", "o"],
  ["Ġ", "w"],
  ["o", "r"],
  ["Ġw", "or"],
  ["u", "s"],
  ["e", "r"],
  ["us", "er"],
  ["i", "m"],
  ["<", "|"],
  ["|", ">"],
] as const;

const BYTE_LEVEL = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: false,
  use_regex: false,
};

/** A byte-level BPE `tokenizer.json`: ids 0 to 255 are the bytes, then merges, then added tokens. */
export function byteLevelTokenizer(
  addedTokens: readonly AddedTokenFixture[] = CHATML_TOKENS,
): Record<string, unknown> {
  const vocab: Record<string, number> = {};
  for (let byte = 0; byte < 256; byte++) vocab[byteChar(byte)] = byte;
  for (const [i, [left, right]] of MERGES.entries()) vocab[left + right] = 256 + i;
  return {
    version: "1.0",
    added_tokens: addedTokens.map((token, i) => ({
      id: FIRST_ADDED_ID + i,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      ...token,
    })),
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: {
            Regex:
              "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          },
          behavior: "Isolated",
          invert: false,
        },
        BYTE_LEVEL,
      ],
    },
    post_processor: BYTE_LEVEL,
    decoder: BYTE_LEVEL,
    model: {
      type: "BPE",
      unk_token: null,
      byte_fallback: false,
      vocab,
      merges: MERGES.map((merge) => merge.join(" ")),
    },
  };
}

/** A SentencePiece-style BPE `tokenizer.json` with byte fallback, as Llama 2 has it: ids 0 to 2 special, 3 to 258 bytes. */
export function sentencePieceTokenizer(): Record<string, unknown> {
  const special = ["<unk>", "<s>", "</s>"];
  const vocab: Record<string, number> = {};
  for (const [id, text] of special.entries()) vocab[text] = id;
  for (let byte = 0; byte < 256; byte++) {
    vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`] = 3 + byte;
  }
  const letters = "\u2581abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ[]/<>|.,!?S";
  let id = 259;
  for (const letter of new Set(letters)) vocab[letter] = id++;
  const merges = [["\u2581", "h"], ["\u2581h", "i"], ["<", "s"], ["<s", ">"]] as const;
  for (const [left, right] of merges) vocab[left + right] ??= id++;
  return {
    version: "1.0",
    added_tokens: special.map((content, id) => ({
      id,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "\u2581" },
        { type: "Replace", pattern: { String: " " }, content: "\u2581" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "\u2581" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
      vocab,
      merges: merges.map((merge) => merge.join(" ")),
    },
  };
}

/** A Unigram `tokenizer.json` with a Metaspace pre-tokenizer, as SentencePiece writes it: letters, three words, `<s>` as a piece. */
export function unigramTokenizer(prependScheme: "always" | "first"): Record<string, unknown> {
  const pieces: [text: string, score: number][] = [["<unk>", 0], ["<s>", 0]];
  for (const letter of "\u2581abcdefghijklmnopqrstuvwxyz<>") pieces.push([letter, -8]);
  pieces.push(["\u2581hello", -3], ["\u2581world", -3.5], ["hello", -4]);
  const metaspace = {
    type: "Metaspace",
    replacement: "\u2581",
    prepend_scheme: prependScheme,
    split: true,
  };
  return {
    version: "1.0",
    added_tokens: [
      {
        id: 1,
        content: "<s>",
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      },
    ],
    normalizer: null,
    pre_tokenizer: metaspace,
    post_processor: null,
    decoder: metaspace,
    model: { type: "Unigram", unk_id: 0, vocab: pieces, byte_fallback: false },
  };
}

const BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** A WordPiece `tokenizer.json` as BERT's are: ids 0 to 4 special, then the pieces in order. */
export function wordPieceTokenizer(pieces: readonly string[]): Record<string, unknown> {
  return bertTokenizer(
    Object.fromEntries([...BERT_TOKENS, ...pieces].map((text, id) => [text, id])),
  );
}

/** A `tokenizer.json` of the BERT kind. @param vocab token → id; BERT's special tokens in it are special */
export function bertTokenizer(vocab: Readonly<Record<string, number>>): Record<string, unknown> {
  const around = (content: string) => ({ id: content, ids: [vocab[content]], tokens: [content] });
  return {
    version: "1.0",
    added_tokens: BERT_TOKENS.filter((content) => content in vocab).map((content) => ({
      id: vocab[content],
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [
        { SpecialToken: { id: "[CLS]", type_id: 0 } },
        { Sequence: { id: "A", type_id: 0 } },
        { SpecialToken: { id: "[SEP]", type_id: 0 } },
      ],
      pair: [],
      special_tokens: { "[CLS]": around("[CLS]"), "[SEP]": around("[SEP]") },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}
