"""Byte-level BPE: trainer, encoder, and the `tokenizer.json` of Hugging Face's tokenizers.

Merges are learnt on words without their leading space; the space joins the first piece at the very
end. So " Paris" and "Paris" are cut at the same places, which makes copying (a city out of a
question into a call's arguments) one rule instead of many.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterable

from template import CHAT_TEMPLATE, MARKERS, SPECIAL_TOKENS

# The same pattern twice: Python's `re` has no \\p classes, Hugging Face's file format has.
WORDS = re.compile(r" ?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s")
WORDS_HF = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s"
ADDED = SPECIAL_TOKENS + MARKERS
CONTROL = re.compile("(" + "|".join(re.escape(token) for token in ADDED) + ")")


def byte_alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in keep}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(keep))
    return table


BYTES = byte_alphabet()
CHARS = {char: b for b, char in BYTES.items()}
SPACE = BYTES[32]
Pair = tuple[str, str]


def spell(word: str) -> str:
    return "".join(BYTES[b] for b in word.encode("utf-8"))


def _merge(parts: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    out: list[str] = []
    i = 0
    while i < len(parts):
        if i + 1 < len(parts) and parts[i] == pair[0] and parts[i + 1] == pair[1]:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return tuple(out)


def train_merges(texts: Iterable[str], size: int, space_share: float = 0.42) -> list[Pair]:
    """Learns `size` merges, the last `space_share` of them a space joined to a piece."""
    counts: Counter[str] = Counter()
    for text in texts:
        for chunk in CONTROL.split(text):
            if chunk not in ADDED:
                counts.update(WORDS.findall(chunk))
    bare: Counter[tuple[str, ...]] = Counter()
    spaced: Counter[tuple[str, ...]] = Counter()
    for word, count in counts.items():
        core = spell(word[1:] if word[0] == " " and len(word) > 1 else word)
        bare[tuple(core)] += count
        if word[0] == " " and len(word) > 1:
            spaced[tuple(core)] += count
    merges: list[Pair] = []
    state = {parts: parts for parts in bare}
    for _ in range(int(size * (1 - space_share))):
        pairs: Counter[Pair] = Counter()
        for original, parts in state.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += bare[original]
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        state = {o: _merge(p, best) if best[0] in p else p for o, p in state.items()}
    firsts: Counter[str] = Counter()
    for original, count in spaced.items():
        firsts[state[original][0]] += count
    for piece, _ in firsts.most_common(size - len(merges)):
        merges.append((SPACE, piece))
    return merges


class Tokenizer:
    """Encodes text to ids; added tokens take the first ids."""

    def __init__(self, merges: list[Pair]) -> None:
        self.merges = merges
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        pieces = ADDED + [BYTES[b] for b in range(256)] + [a + b for a, b in merges]
        self.pieces = list(dict.fromkeys(pieces))
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}
        self.end_of_turn = self.ids["<|im_end|>"]
        self.word = lru_cache(maxsize=200_000)(self._word)

    def _word(self, word: str) -> tuple[int, ...]:
        parts = tuple(spell(word))
        while len(parts) > 1:
            known = [(self.ranks[p], p) for p in zip(parts, parts[1:]) if p in self.ranks]
            if not known:
                break
            parts = _merge(parts, min(known)[1])
        return tuple(self.ids[part] for part in parts)

    def encode(self, text: str) -> list[int]:
        out: list[int] = []
        for chunk in CONTROL.split(text):
            if chunk in self.ids and chunk in ADDED:
                out.append(self.ids[chunk])
            else:
                for word in WORDS.findall(chunk):
                    out.extend(self.word(word))
        return out

    def decode(self, ids: Iterable[int]) -> str:
        data = bytearray()
        for i in ids:
            piece = self.pieces[i]
            data += piece.encode() if piece in ADDED else bytes(CHARS[c] for c in piece)
        return data.decode("utf-8", errors="replace")

    def to_json(self) -> dict[str, Any]:
        """The `tokenizer.json` that Hugging Face's libraries read."""
        added = [
            {
                "id": self.ids[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": token in SPECIAL_TOKENS,
            }
            for token in ADDED
        ]
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": WORDS_HF}, "behavior": "Isolated", "invert": False},
                    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
                ],
            },
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": self.ids,
                "merges": [f"{a} {b}" for a, b in self.merges],
            },
        }

    def config_json(self, context: int) -> dict[str, Any]:
        """The `tokenizer_config.json`, with the chat template."""
        return {
            "add_prefix_space": False,
            "added_tokens_decoder": {
                str(self.ids[token]): {"content": token, "special": token in SPECIAL_TOKENS, "normalized": False}
                for token in ADDED
            },
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "unk_token": None,
            "clean_up_tokenization_spaces": False,
            "model_max_length": context,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "chat_template": CHAT_TEMPLATE,
        }


def load(path: Path) -> Tokenizer:
    merges = json.loads(path.read_text(encoding="utf-8"))["model"]["merges"]
    pairs: list[Pair] = []
    for merge in merges:
        left, right = merge.split(" ")
        pairs.append((left, right))
    return Tokenizer(pairs)
