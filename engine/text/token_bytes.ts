/**
 * The bytes behind each token: byte-level vocabularies spell bytes as printable characters, SentencePiece ones spell them as
 * `<0xNN>` and spaces as ▁.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../formats/mod.ts";
import { charsToBytes } from "./tokenizer/byte_level.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";

/** How token texts spell bytes. */
export type TokenSpelling = "byte_level" | "byte_fallback" | "raw";

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;
const NO_BYTES = new Uint8Array(0);

/** How a tokenizer turns tokens back into text. */
export interface TokenDecoding {
  /** How token texts spell bytes. */
  spelling: TokenSpelling;
  /** True if the first space of a text was put there by the encoder. */
  stripLeadingSpace: boolean;
}

/**
 * Reads the decoding from `tokenizer.json`'s decoder, else from the MLC configuration.
 *
 * @param tokenizerInfo `tokenizer_info` of `mlc-chat-config.json`
 */
export function readTokenDecoding(file: TokenizerFile, tokenizerInfo: unknown): TokenDecoding {
  const steps = flattenDecoders(file.json.decoder);
  if (steps.some((step) => step.type === "ByteLevel")) {
    return { spelling: "byte_level", stripLeadingSpace: false };
  }
  const metaspace = steps.find((step) => step.type === "Metaspace");
  if (metaspace !== undefined) {
    const strips = metaspace.add_prefix_space !== false && metaspace.prepend_scheme !== "never";
    return { spelling: "byte_fallback", stripLeadingSpace: strips };
  }
  if (steps.some((step) => step.type === "ByteFallback" || step.type === "Replace")) {
    const strips = steps.some((step) => step.type === "Strip" && Number(step.start) > 0);
    return { spelling: "byte_fallback", stripLeadingSpace: strips };
  }
  const info = isJsonObject(tokenizerInfo) ? tokenizerInfo : {};
  const method = info.token_postproc_method;
  return {
    spelling: method === "byte_level" || method === "byte_fallback" ? method : "raw",
    stripLeadingSpace: info.strip_space_in_decode === true,
  };
}

function flattenDecoders(decoder: unknown): JsonObject[] {
  if (!isJsonObject(decoder)) return [];
  if (decoder.type !== "Sequence" || !Array.isArray(decoder.decoders)) return [decoder];
  return decoder.decoders.filter(isJsonObject);
}

/**
 * Creates the table of token bytes, filled as it is asked for.
 *
 * @returns id → bytes; empty for special tokens and for ids without a token
 */
export function createTokenBytes(
  file: TokenizerFile,
  spelling: TokenSpelling,
): (id: number) => Uint8Array {
  const encoder = new TextEncoder();
  const added = new Map(file.addedTokens.map((token) => [token.id, token]));
  const table: Uint8Array[] = [];

  function computeBytes(id: number): Uint8Array {
    const addedToken = added.get(id);
    if (addedToken !== undefined) {
      return addedToken.special ? NO_BYTES : encoder.encode(addedToken.content);
    }
    const text = file.tokens[id];
    if (text === undefined) return NO_BYTES;
    if (spelling === "byte_level") return charsToBytes(text) ?? encoder.encode(text);
    if (spelling === "raw") return encoder.encode(text);
    const byte = BYTE_TOKEN.exec(text);
    if (byte !== null) return Uint8Array.of(parseInt(byte[1]!, 16));
    return encoder.encode(text.replaceAll("\u2581", " "));
  }

  return (id) => table[id] ??= computeBytes(id);
}
