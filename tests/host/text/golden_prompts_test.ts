/**
 * Prompts of published template families, written out. `⟦…⟧` is a control token; everything else is text.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ChatMessage, ToolDefinition } from "../../../engine/types.ts";
import { loadTextFixture, readTemplate } from "../../support/text_model.ts";
import {
  byteLevelTokenizer,
  LLAMA3_TOKENS,
  sentencePieceTokenizer,
} from "../../support/tokenizer.ts";

const CONVERSATION: ChatMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: " Hi, I am Ada. " },
  { role: "assistant", content: "Hello Ada!" },
  { role: "user", content: "Wie heiße ich? 🙂" },
];

const WEATHER: ToolDefinition = {
  name: "get_weather",
  description: "Weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

const TOOL_CONVERSATION: ChatMessage[] = [
  { role: "user", content: "Weather in Oslo?" },
  {
    role: "assistant",
    content: "",
    toolCalls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"Oslo"}' }],
  },
  { role: "tool", content: '{"degrees": 3}', toolCallId: "call_1" },
];

Deno.test("TextModel.encodeChat() writes ChatML from a Jinja template", async () => {
  const { model, show } = await loadTextFixture({ chatTemplate: readTemplate("qwen2_5.jinja") });
  assert.equal(
    show(model.encodeChat(CONVERSATION)),
    "⟦<|im_start|>⟧system\nBe brief.⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧user\n Hi, I am Ada. ⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧assistant\nHello Ada!⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧user\nWie heiße ich? 🙂⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧assistant\n",
  );
});

Deno.test("TextModel.encodeChat() writes tools, calls and results as ChatML templates ask for", async () => {
  const { model, show } = await loadTextFixture({ chatTemplate: readTemplate("qwen2_5.jinja") });
  assert.equal(
    show(model.encodeChat(TOOL_CONVERSATION, [WEATHER])),
    "⟦<|im_start|>⟧system\nYou are a helpful assistant.\n\n# Tools\n\n<tools>\n" +
      '{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", ' +
      '"parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}' +
      "\n</tools>\n\nAnswer with ⟦<tool_call>⟧⟦</tool_call>⟧ around a JSON object.⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧user\nWeather in Oslo?⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧assistant\n⟦<tool_call>⟧\n" +
      '{"name": "get_weather", "arguments": {"city": "Oslo"}}\n⟦</tool_call>⟧⟦<|im_end|>⟧\n' +
      '⟦<|im_start|>⟧user\n<tool_response>\n{"degrees": 3}\n</tool_response>⟦<|im_end|>⟧\n' +
      "⟦<|im_start|>⟧assistant\n",
  );
});

Deno.test("TextModel.encodeChat() writes Llama 3 prompts, trimmed and with the beginning of text", async () => {
  const { model, show } = await loadTextFixture({
    tokenizer: byteLevelTokenizer(LLAMA3_TOKENS),
    tokenizerConfig: {
      bos_token: "<|begin_of_text|>",
      eos_token: "<|eot_id|>",
      chat_template: readTemplate("llama3.jinja"),
    },
  });
  assert.equal(
    show(model.encodeChat(CONVERSATION)),
    "⟦<|begin_of_text|>⟧⟦<|start_header_id|>⟧system⟦<|end_header_id|>⟧\n\nBe brief.⟦<|eot_id|>⟧" +
      "⟦<|start_header_id|>⟧user⟦<|end_header_id|>⟧\n\nHi, I am Ada.⟦<|eot_id|>⟧" +
      "⟦<|start_header_id|>⟧assistant⟦<|end_header_id|>⟧\n\nHello Ada!⟦<|eot_id|>⟧" +
      "⟦<|start_header_id|>⟧user⟦<|end_header_id|>⟧\n\nWie heiße ich? 🙂⟦<|eot_id|>⟧" +
      "⟦<|start_header_id|>⟧assistant⟦<|end_header_id|>⟧\n\n",
  );
});

Deno.test("TextModel.encodeChat() gives calls ids of the length that Mistral's templates insist on", async () => {
  const { model, toText } = await loadTextFixture({
    chatTemplate: readTemplate("mistral_v0_3.jinja"),
    tokenizerConfig: { bos_token: "<s>", eos_token: "</s>" },
  });
  const [user, call, result] = TOOL_CONVERSATION;
  const id = "call_6f1c9c2e-77aa-4d0b-9f15-0c2b3d4e5f60";
  const prompt = toText(model.encodeChat([
    user!,
    { ...call!, toolCalls: [{ ...call!.toolCalls![0]!, id }] },
    { ...result!, toolCallId: id },
  ], [WEATHER]));
  assert.ok(prompt.includes('"arguments": {"city": "Oslo"}, "id": "b3d4e5f60"}]'), prompt);
  assert.ok(prompt.includes('{"content": {"degrees": 3}, "call_id": "b3d4e5f60"}'), prompt);
  const short = toText(model.encodeChat(TOOL_CONVERSATION, [WEATHER]));
  assert.ok(short.includes('"id": "0000call1"}]'), short);
});

/** `conv_template` of published Llama 2 chat packages. */
const LLAMA2_CONV = {
  name: "llama-2",
  system_template: "[INST] <<SYS>>\n{system_message}\n<</SYS>>\n\n",
  system_message: "You are a helpful, respectful and honest assistant.",
  system_prefix_token_ids: [1],
  add_role_after_system_message: false,
  roles: { user: "<s>[INST]", assistant: "[/INST]", tool: "[INST]" },
  role_templates: {
    user: "{user_message}",
    assistant: "{assistant_message}",
    tool: "{tool_message}",
  },
  messages: [],
  seps: [" ", " </s>"],
  role_content_sep: " ",
  role_empty_sep: " ",
  stop_str: ["[INST]"],
  stop_token_ids: [2],
  function_string: "",
  use_function_calling: false,
};

// SentencePiece puts a space before every section, which is why one follows each ⟦<s>⟧.
Deno.test("TextModel.encodeChat() writes Llama 2 prompts from a conv_template", async () => {
  const { model, show } = await loadTextFixture({
    tokenizer: sentencePieceTokenizer(),
    chatConfig: { conv_template: LLAMA2_CONV },
  });
  assert.equal(
    show(model.encodeChat(CONVERSATION)),
    "⟦<s>⟧ [INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n Hi, I am Ada.  [/INST] Hello Ada! ⟦</s>⟧" +
      "⟦<s>⟧ [INST] Wie heiße ich? 🙂 [/INST] ",
  );
});

Deno.test("TextModel.encodeChat() uses the conv_template's system message when there is none", async () => {
  const { model, show } = await loadTextFixture({
    tokenizer: sentencePieceTokenizer(),
    chatConfig: { conv_template: LLAMA2_CONV },
  });
  assert.equal(
    show(model.encodeChat([{ role: "user", content: "hi" }])),
    "⟦<s>⟧ [INST] <<SYS>>\nYou are a helpful, respectful and honest assistant.\n<</SYS>>\n\n" +
      "hi [/INST] ",
  );
});

/** `conv_template` of published ChatML packages. */
const CHATML_CONV = {
  name: "chatml",
  system_template: "<|im_start|>system\n{system_message}<|im_end|>\n",
  system_message: "You are a helpful assistant.",
  system_prefix_token_ids: null,
  add_role_after_system_message: true,
  roles: { user: "<|im_start|>user", assistant: "<|im_start|>assistant" },
  role_templates: { user: "{user_message}", assistant: "{assistant_message}" },
  messages: [],
  seps: ["<|im_end|>\n"],
  role_content_sep: "\n",
  role_empty_sep: "\n",
  stop_str: ["<|im_end|>"],
  stop_token_ids: [302],
};

Deno.test("TextModel.encodeChat() writes ChatML from a conv_template", async () => {
  const { model, show } = await loadTextFixture({ chatConfig: { conv_template: CHATML_CONV } });
  assert.equal(
    show(model.encodeChat(CONVERSATION)),
    "⟦<|im_start|>⟧system\nBe brief.⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧user\n Hi, I am Ada. ⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧assistant\nHello Ada!⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧user\nWie heiße ich? 🙂⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧assistant\n",
  );
});

Deno.test("TextModel.encodeChat() puts functions before the last user turn of a conv_template", async () => {
  const { model, show } = await loadTextFixture({
    chatConfig: {
      conv_template: {
        ...CHATML_CONV,
        system_template: "",
        role_templates: { user: "{function_string} {user_message}" },
      },
    },
  });
  assert.equal(
    show(model.encodeChat(
      [
        { role: "user", content: "a {function_string}" },
        { role: "assistant", content: "b {assistant_message} $&" },
        { role: "user", content: "c" },
      ],
      [{ name: "f" }],
    )),
    "⟦<|im_start|>⟧user\n a {function_string}⟦<|im_end|>⟧\n" +
      "⟦<|im_start|>⟧assistant\nb {assistant_message} $&⟦<|im_end|>⟧\n" +
      '⟦<|im_start|>⟧user\n[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}] c⟦<|im_end|>⟧\n' +
      "⟦<|im_start|>⟧assistant\n",
  );
});
