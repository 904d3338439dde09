/**
 * A tokenizer for made-up models: one token a byte and an end-of-text token, in the published JSON form.
 *
 * @module
 */

/** A `tokenizer.json` and what must be known of it. */
export interface ByteTokenizer {
  json: Record<string, unknown>;
  numTokens: number;
  /** Token id. */
  endOfText: number;
}

/** Byte b has id b; `<|endoftext|>` has id 256. */
export function byteLevelTokenizer(): ByteTokenizer {
  const vocab = Object.fromEntries(
    byteCharacters().map((character, byte) => [character, byte]),
  );
  const endOfText = 256;
  return {
    numTokens: endOfText + 1,
    endOfText,
    json: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [{
        id: endOfText,
        content: "<|endoftext|>",
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      }],
      normalizer: null,
      pre_tokenizer: {
        type: "ByteLevel",
        add_prefix_space: false,
        trim_offsets: true,
        use_regex: true,
      },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: { type: "BPE", vocab, merges: [] },
    },
  };
}

/** The part of `mlc-chat-config.json` that goes with the tokenizer: turns are plain text, a line each. */
export function byteLevelSettings(endOfText: number) {
  return {
    eos_token_id: endOfText,
    tokenizer_files: ["tokenizer.json"],
    tokenizer_info: {
      token_postproc_method: "byte_level",
      prepend_space_in_encode: false,
      strip_space_in_decode: false,
    },
    conv_template: {
      name: "raw",
      system_template: "{system_message}",
      system_message: "",
      roles: { user: "user", assistant: "assistant", tool: "tool" },
      role_templates: { user: "{user_message}" },
      messages: [],
      seps: ["\n"],
      role_content_sep: ": ",
      role_empty_sep: ": ",
      stop_str: [],
      stop_token_ids: [endOfText],
    },
  };
}

/** GPT-2's characters for bytes: printable ones stand for themselves, the rest are moved up from U+0100. */
function byteCharacters(): string[] {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
  let numMoved = 0;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 0x100 + numMoved++),
  );
}
