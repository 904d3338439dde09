"""The llama architecture, small: RMSNorm, half-split RoPE, GQA, SwiGLU, no biases, tied embeddings.

Parameters carry the names of an MLC package (fused `qkv_proj` and `gate_up_proj`), so exporting
is a plain copy.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Shape of the model; the words are those of a published llama config."""

    vocab_size: int = 1536
    hidden_size: int = 160
    intermediate_size: int = 384
    num_hidden_layers: int = 5
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 32
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    context_window_size: int = 1024

    def to_dict(self) -> dict[str, float | int]:
        return asdict(self)


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        h = x.float()
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + self.eps)
        return h * self.weight


def rope_tables(config: Config, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [length, head_dim / 2] for positions 0 to length - 1."""
    half = config.head_dim // 2
    inv_freq = config.rope_theta ** (-torch.arange(half).float() / half)
    angles = torch.arange(length).float()[:, None] * inv_freq
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates the halves of each head: x is [batch, heads, length, head_dim]."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """softmax(q · kᵀ / sqrt(head_dim) + bias) · v; fused where torch offers it (2.0 and newer)."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return (scores + bias).softmax(dim=-1).to(v.dtype) @ v


class Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        rows = (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim
        self.qkv_proj = nn.Linear(config.hidden_size, rows, bias=False)
        self.o_proj = nn.Linear(
            config.num_attention_heads * config.head_dim, config.hidden_size, bias=False
        )

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor) -> Tensor:
        c = self.config
        batch, length, _ = x.shape
        heads, kv_heads, dim = c.num_attention_heads, c.num_key_value_heads, c.head_dim
        qkv = self.qkv_proj(x).view(batch, length, heads + 2 * kv_heads, dim).transpose(1, 2)
        q = rotate(qkv[:, :heads], cos, sin)
        k = rotate(qkv[:, heads : heads + kv_heads], cos, sin)
        v = qkv[:, heads + kv_heads :]
        group = heads // kv_heads
        k = k.repeat_interleave(group, dim=1)
        v = v.repeat_interleave(group, dim=1)
        y = attend(q, k, v, bias)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, heads * dim))


class MLP(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * up)


class Layer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, bias)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Llama(nn.Module):
    """The model; the head is the transposed embedding."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        cos, sin = rope_tables(config, config.context_window_size)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._init)
        scale = 0.02 / math.sqrt(2 * config.num_hidden_layers)
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.normal_(parameter, std=scale)

    @staticmethod
    def _init(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def hidden(self, tokens: Tensor, bias: Tensor, positions: Tensor) -> Tensor:
        """Final normed states [batch, length, hidden].

        bias is added to the attention scores, [batch or 1, 1, length, length];
        positions is [batch, length], the place of each token in its own conversation.
        """
        cos = self.cos[positions][:, None]
        sin = self.sin[positions][:, None]
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers:
            x = layer(x, cos, sin, bias)
        return self.model.norm(x)

    def head(self, states: Tensor) -> Tensor:
        return F.linear(states, self.model.embed_tokens.weight)
