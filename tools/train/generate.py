"""Greedy decoding in torch with a key-value cache; the engine's results should equal these.

    python3 generate.py run/step_6000.pt run/tokenizer.json "List three planets"
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import tokenizer as bpe
from model import Attention, Config, Llama, rotate
from template import render_prompt

Cache = list[tuple[Tensor, Tensor]]


def load_model(path: Path, half: bool = True) -> Llama:
    """The model, its weights rounded to float16 as in the package but computed in float32."""
    saved = torch.load(path, map_location="cpu")
    model = Llama(Config(**saved["config"]))
    state = saved["model"]
    model.load_state_dict({k: v.half().float() if half else v for k, v in state.items()})
    return model.eval()


def _attend(layer: Attention, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache, index: int) -> Tensor:
    c = layer.config
    heads, kv_heads, dim = c.num_attention_heads, c.num_key_value_heads, c.head_dim
    length = x.shape[0]
    qkv = layer.qkv_proj(x).view(length, heads + 2 * kv_heads, dim).transpose(0, 1)
    q, k, v = qkv.split([heads, kv_heads, kv_heads])
    q, k = rotate(q, cos, sin), rotate(k, cos, sin)
    if index < len(cache):
        k = torch.cat((cache[index][0], k), dim=1)
        v = torch.cat((cache[index][1], v), dim=1)
        cache[index] = (k, v)
    else:
        cache.append((k, v))
    group = heads // kv_heads
    scores = q @ k.repeat_interleave(group, 0).transpose(1, 2) / dim**0.5
    total = k.shape[1]
    hidden = torch.ones(length, total, dtype=torch.bool).triu(total - length + 1)
    y = scores.masked_fill(hidden, -1e9).softmax(-1) @ v.repeat_interleave(group, 0)
    return layer.o_proj(y.transpose(0, 1).reshape(length, heads * dim))


@torch.no_grad()
def forward(model: Llama, tokens: list[int], cache: Cache, start: int) -> Tensor:
    """Logits [vocabulary] after the last of `tokens`, which begin at position `start`."""
    cos, sin = (t[start : start + len(tokens)] for t in (model.cos, model.sin))
    x = model.model.embed_tokens(torch.tensor(tokens))
    for i, layer in enumerate(model.model.layers):
        x = x + _attend(layer.self_attn, layer.input_layernorm(x), cos, sin, cache, i)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return F.linear(model.model.norm(x[-1]), model.model.embed_tokens.weight)


def complete(model: Llama, tokenizer: bpe.Tokenizer, prompt: str, limit: int = 160) -> str:
    """The text the model says next, up to the end of its turn."""
    tokens = tokenizer.encode(prompt)
    cache: Cache = []
    out: list[int] = []
    start, feed = 0, tokens
    while len(out) < limit and start + len(feed) < model.config.context_window_size:
        logits = forward(model, feed, cache, start)
        start += len(feed)
        token = int(logits.argmax())
        if token == tokenizer.end_of_turn:
            break
        out.append(token)
        feed = [token]
    return tokenizer.decode(out)


def chat(model: Llama, tokenizer: bpe.Tokenizer, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> str:
    return complete(model, tokenizer, render_prompt(messages, tools))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("question", nargs="+", help="user turns; the model answers each")
    parser.add_argument("--system")
    args = parser.parse_args()
    model, tokenizer = load_model(args.checkpoint), bpe.load(args.tokenizer)
    messages: list[dict[str, Any]] = []
    if args.system:
        messages.append({"role": "system", "content": args.system})
    for question in args.question:
        messages.append({"role": "user", "content": question})
        answer = chat(model, tokenizer, messages, [])
        messages.append({"role": "assistant", "content": answer})
        print(f"> {question}\n{answer}")
