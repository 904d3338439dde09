/**
 * Puts the tokenizer, the chat template and the decoding of a package together.
 *
 * @module
 */
import { join } from "node:path";
import { InvalidRequestError, ModelInvalidError } from "../errors.ts";
import type { ModelPackage } from "../formats/mod.ts";
import type { ChatMessage, ToolDefinition } from "../types.ts";
import {
  type ChatTemplate,
  collectTexts,
  shapeMessages,
  shapeTools,
} from "./template/chat_template.ts";
import { type ConvTemplate, readConvTemplate } from "./template/conv_template.ts";
import { createDetokenizer, type Detokenizer } from "./detokenizer.ts";
import { TextEncoding } from "./encoder.ts";
import { chooseSentinel, LiteralGuard, type Sentinel } from "./guard.ts";
import { loadChatTemplate } from "./template/load_chat_template.ts";
import { THINK_CLOSE, THINK_OPEN } from "./reasoning.ts";
import { findControlTokens, readEosTokenIds, readFrame } from "./special_tokens.ts";
import { createTokenBytes, readTokenDecoding } from "./token_bytes.ts";
import type { TokenFrame } from "./tokenizer/post_processor.ts";
import { type AddedToken, readTokenizerFile, type TokenizerFile } from "./tokenizer_file.ts";
import { chooseToolFormat, type ToolFormat } from "./tool_calls/mod.ts";

/** What a sequence's detokenizer shows. */
export interface DetokenizerSettings {
  /** Texts that end the output. */
  stop: readonly string[];
  /**
   * Whether markers of calls and reasoning are shown, for a parser that looks for them.
   * @default false
   */
  showsMarkers?: boolean;
}

/** What a model knows of text. */
export interface TextModel {
  /** Rows of the model's embedding; ids from `numTokens` on are padding. */
  readonly vocabSize: number;
  /** Ids that the tokenizer has; larger ones stand for nothing. */
  readonly numTokens: number;
  /** Bytes of the longest token, at least 1; looked for once, when it is asked for. */
  readonly maxTokenBytes: number;
  /** Tokens that end an answer. */
  readonly eosTokenIds: ReadonlySet<number>;
  /** Texts that end an answer. */
  readonly stopStrings: readonly string[];
  /** How the model calls functions. */
  readonly toolFormat: ToolFormat;
  /** Whether the model thinks aloud, in `<think>` tags, before it answers. */
  readonly thinks: boolean;
  /**
   * Renders a conversation that asks for an assistant turn and tokenizes it. No text of a message or a tool becomes a control token.
   *
   * @throws {InvalidRequestError} no messages, or the chat template refuses them or the tools
   */
  encodeChat(messages: readonly ChatMessage[], tools?: readonly ToolDefinition[]): number[];
  /** Tokenizes raw text, control tokens in it as plain text, with the beginning-of-text token if the tokenizer adds it. */
  encodeText(text: string): number[];
  /**
   * Tokenizes text for an embedding, with the tokens that the tokenizer puts around it (`[CLS]` … `[SEP]`); ids get the same around
   * them. Control tokens in text are plain text.
   */
  encodeForEmbedding(text: string | readonly number[]): number[];
  /** A token's own bytes; empty for special tokens and for ids that stand for nothing. */
  tokenBytes(id: number): Uint8Array;
  /** The same, but special tokens that mark calls and reasoning have the bytes of their literals. */
  markedTokenBytes(id: number): Uint8Array;
  /**
   * Creates the detokenizer of a sequence.
   *
   * @throws {InvalidRequestError} a stop sequence is empty
   */
  createDetokenizer(options: DetokenizerSettings): Detokenizer;
}

/**
 * Loads tokenizer and chat template of a package: `chat_template.jinja`, else the `chat_template` of `tokenizer_config.json`, else
 * MLC's `conv_template`.
 *
 * @throws {ModelInvalidError} a file is absent or damaged, or the tokenizer's ids do not fit the vocabulary
 */
export async function loadTextModel(
  pkg: Pick<ModelPackage, "dir" | "chatConfig" | "vocabSize">,
): Promise<TextModel> {
  const file = await readTokenizerFile(pkg.dir, pkg.vocabSize);
  const conv = readConvTemplate(join(pkg.dir, "mlc-chat-config.json"), pkg.chatConfig);
  const template = await loadChatTemplate(pkg.dir, file, conv);
  const decoding = readTokenDecoding(file, pkg.chatConfig.tokenizer_info);
  checkPrefix(pkg, conv);
  const toolFormat = chooseToolFormat(template);
  const markers = [...toolFormat.markers, THINK_OPEN, THINK_CLOSE];
  const controlTokens = findControlTokens(file, template?.source ?? "", markers);
  return new PackageTextModel({
    file,
    template,
    toolFormat,
    markerBytes: new Map(
      file.addedTokens.filter((token) => token.special && markers.includes(token.content))
        .map((token) => [token.id, new TextEncoder().encode(token.content)]),
    ),
    encoding: new TextEncoding(file, new Set(controlTokens)),
    guard: new LiteralGuard(literals(controlTokens), { breaksOpeners: true }),
    assistantGuard: new LiteralGuard(literals(controlTokens.filter((token) => token.special)), {
      breaksOpeners: false,
    }),
    frame: readFrame(file),
    eosTokenIds: readEosTokenIds(file, pkg.chatConfig, conv, template?.source ?? ""),
    stopStrings: conv?.stop_str ?? [],
    tokenBytes: createTokenBytes(file, decoding.spelling),
    stripLeadingSpace: decoding.stripLeadingSpace,
    vocabSize: pkg.vocabSize,
  });
}

interface TextModelParts {
  file: TokenizerFile;
  template: ChatTemplate | null;
  toolFormat: ToolFormat;
  /** Special tokens that answers are parsed by. */
  markerBytes: ReadonlyMap<number, Uint8Array>;
  encoding: TextEncoding;
  /** Against every control token: text of users, systems and tools. */
  guard: LiteralGuard;
  /** Against special tokens only: an assistant's turn may carry what the model wrote, and templates look for `</think>` in it. */
  assistantGuard: LiteralGuard;
  frame: TokenFrame;
  eosTokenIds: ReadonlySet<number>;
  stopStrings: readonly string[];
  tokenBytes: (id: number) => Uint8Array;
  stripLeadingSpace: boolean;
  vocabSize: number;
}

class PackageTextModel implements TextModel {
  readonly #parts: TextModelParts;
  #maxTokenBytes = 0;

  constructor(parts: TextModelParts) {
    this.#parts = parts;
  }

  get vocabSize(): number {
    return this.#parts.vocabSize;
  }

  get numTokens(): number {
    return this.#parts.file.tokens.length;
  }

  get maxTokenBytes(): number {
    if (this.#maxTokenBytes === 0) {
      this.#maxTokenBytes = 1;
      for (let id = 0; id < this.numTokens; id++) {
        this.#maxTokenBytes = Math.max(this.#maxTokenBytes, this.tokenBytes(id).length);
      }
    }
    return this.#maxTokenBytes;
  }

  get eosTokenIds(): ReadonlySet<number> {
    return this.#parts.eosTokenIds;
  }

  get stopStrings(): readonly string[] {
    return this.#parts.stopStrings;
  }

  get toolFormat(): ToolFormat {
    return this.#parts.toolFormat;
  }

  get thinks(): boolean {
    return this.#parts.template?.source.includes(THINK_OPEN) ?? false;
  }

  encodeChat(messages: readonly ChatMessage[], tools: readonly ToolDefinition[] = []): number[] {
    const { template, encoding, guard, assistantGuard } = this.#parts;
    if (messages.length === 0) {
      throw new InvalidRequestError("messages", "messages is empty; give at least 1 message");
    }
    if (template === null) {
      throw new InvalidRequestError(
        "messages",
        "The model has no chat template; send the text as a raw prompt",
      );
    }
    const sentinel = chooseSentinel([...collectTexts(messages, tools), template.source]);
    const protect = (text: string, role: ChatMessage["role"]) =>
      (role === "assistant" ? assistantGuard : guard).protect(text, sentinel);
    const { prefixTokenIds, text } = template.render(
      shapeMessages(messages, protect),
      shapeTools(tools, protect),
    );
    return [...prefixTokenIds, ...encoding.encode(text, sentinel)];
  }

  encodeText(text: string): number[] {
    return [...this.#parts.frame.before, ...this.#encodePlain(text)];
  }

  encodeForEmbedding(text: string | readonly number[]): number[] {
    const { before, after } = this.#parts.frame;
    return [...before, ...typeof text === "string" ? this.#encodePlain(text) : text, ...after];
  }

  #encodePlain(text: string): number[] {
    const { encoding, guard } = this.#parts;
    const sentinel: Sentinel = chooseSentinel([text]);
    return encoding.encode(guard.protect(text, sentinel), sentinel);
  }

  tokenBytes(id: number): Uint8Array {
    return this.#parts.tokenBytes(id);
  }

  markedTokenBytes(id: number): Uint8Array {
    return this.#parts.markerBytes.get(id) ?? this.#parts.tokenBytes(id);
  }

  createDetokenizer({ stop, showsMarkers = false }: DetokenizerSettings): Detokenizer {
    const { tokenBytes, stripLeadingSpace } = this.#parts;
    return createDetokenizer({
      tokenBytes: showsMarkers ? (id) => this.markedTokenBytes(id) : tokenBytes,
      stripLeadingSpace,
      stop,
    });
  }
}

function literals(tokens: readonly AddedToken[]): string[] {
  return tokens.map((token) => token.content);
}

function checkPrefix(
  pkg: Pick<ModelPackage, "dir" | "vocabSize">,
  conv: ConvTemplate | null,
): void {
  const ids = [...conv?.system_prefix_token_ids ?? [], ...conv?.stop_token_ids ?? []];
  const id = ids.find((id) => id >= pkg.vocabSize);
  if (id === undefined) return;
  throw new ModelInvalidError(
    `Cannot use "${pkg.dir}": conv_template names the token ${id}, the model's vocabulary has ` +
      `${pkg.vocabSize} entries; correct mlc-chat-config.json`,
  );
}
