/**
 * A `tokenizer.json` of the BERT kind with letters, digits and some words.
 *
 * @module
 */

/** Ids that BERT's vocabularies give these tokens. */
export const CLS = 101;
export const SEP = 102;
const UNKNOWN = 100;
const FIRST_LETTER = 1000;

/** @param vocabSize ids that are no letter stand for unused tokens */
export function wordPieceTokenizer(vocabSize: number): Record<string, unknown> {
  const vocab: Record<string, number> = {
    "[PAD]": 0,
    "[UNK]": UNKNOWN,
    "[CLS]": CLS,
    "[SEP]": SEP,
  };
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?!";
  [...letters].forEach((letter, i) => {
    vocab[letter] = FIRST_LETTER + 2 * i;
    vocab[`##${letter}`] = FIRST_LETTER + 2 * i + 1;
  });
  const used = new Set(Object.values(vocab));
  for (let id = 0; id < vocabSize; id++) if (!used.has(id)) vocab[`[unused${id}]`] = id;
  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      special("[PAD]", 0),
      special("[UNK]", UNKNOWN),
      special("[CLS]", CLS),
      special("[SEP]", SEP),
    ],
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
      special_tokens: {
        "[CLS]": { id: "[CLS]", ids: [CLS], tokens: ["[CLS]"] },
        "[SEP]": { id: "[SEP]", ids: [SEP], tokens: ["[SEP]"] },
      },
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
