"""The chat template: ChatML turns, functions in the system turn, calls and results as tagged JSON.

`render` writes what CHAT_TEMPLATE renders, and marks which characters the model is trained to say.
`tests` compare the two through jinja2.
"""

from __future__ import annotations

import json
from typing import Any

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKERS = ["<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]

CHAT_TEMPLATE = """\
{%- macro text(content) -%}
{%- if content is string -%}{{- content -}}
{%- elif content -%}{%- for part in content -%}{%- if part.text is defined -%}{{- part.text -}}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- set first = 0 -%}
{%- set prompt = '' -%}
{%- if messages and messages[0].role == 'system' -%}
{%- set first = 1 -%}
{%- set prompt = text(messages[0].content) -%}
{%- endif -%}
{%- if tools -%}
{{- '<|im_start|>system\\n' -}}
{%- if prompt -%}{{- prompt + '\\n\\n' -}}{%- endif -%}
{{- '# Tools\\n<tools>' -}}
{%- for tool in tools -%}{{- '\\n' -}}{{- tool | tojson -}}{%- endfor -%}
{{- '\\n</tools><|im_end|>\\n' -}}
{%- elif first == 1 -%}
{{- '<|im_start|>system\\n' + prompt + '<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages[first:] -%}
{%- if message.role == 'assistant' and message.tool_calls -%}
{{- '<|im_start|>assistant' -}}
{%- set said = text(message.content) -%}
{%- if said -%}{{- '\\n' + said -}}{%- endif -%}
{%- for call in message.tool_calls -%}
{%- set f = call.function if call.function else call -%}
{{- '\\n<tool_call>\\n{"name": "' + f.name + '", "arguments": ' -}}
{%- if f.arguments is string -%}{{- f.arguments -}}{%- else -%}{{- f.arguments | tojson -}}{%- endif -%}
{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- elif message.role == 'tool' -%}
{{- '<|im_start|>tool\\n<tool_response>\\n' + text(message.content) + '\\n</tool_response><|im_end|>\\n' -}}
{%- else -%}
{{- '<|im_start|>' + message.role + '\\n' + text(message.content) + '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""

Piece = tuple[str, bool]


def to_json(value: Any) -> str:
    """What `tojson` prints: ", " and ": " as separators, text as it is."""
    return json.dumps(value, ensure_ascii=False)


def calls_text(calls: list[dict[str, Any]]) -> str:
    lines = []
    for call in calls:
        function = call["function"]
        arguments = function["arguments"]
        shown = arguments if isinstance(arguments, str) else to_json(arguments)
        lines.append(f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {shown}}}\n</tool_call>')
    return "\n".join(lines)


def render(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> list[Piece]:
    """The text of a conversation in pieces, each with whether the model has to say it."""
    pieces: list[Piece] = []
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    if tools:
        lines = "".join("\n" + to_json(tool) for tool in tools)
        head = system + "\n\n" if system else ""
        pieces.append((f"<|im_start|>system\n{head}# Tools\n<tools>{lines}\n</tools><|im_end|>\n", False))
    elif system is not None:
        pieces.append((f"<|im_start|>system\n{system}<|im_end|>\n", False))
    for message in messages[1 if system is not None else 0 :]:
        role, content = message["role"], message.get("content") or ""
        if role == "assistant":
            if message.get("tool_calls"):
                content = "\n".join(filter(None, [content, calls_text(message["tool_calls"])]))
            pieces += [("<|im_start|>assistant\n", False), (content + "<|im_end|>", True), ("\n", False)]
        elif role == "tool":
            pieces.append((f"<|im_start|>tool\n<tool_response>\n{content}\n</tool_response><|im_end|>\n", False))
        else:
            pieces.append((f"<|im_start|>{role}\n{content}<|im_end|>\n", False))
    return pieces


def render_prompt(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> str:
    """The text up to where the model speaks."""
    return "".join(text for text, _ in render(messages, tools)) + "<|im_start|>assistant\n"
