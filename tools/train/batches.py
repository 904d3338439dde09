"""Packs conversations into rows of fixed lengths, ready for the model."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Iterator

import torch
from torch import Tensor

from corpus.mix import HeldOut, conversations
from corpus.text import Conversation
from template import render
from tokenizer import Tokenizer

ROW_LENGTHS = (384, 1024)
TOKENS_PER_BATCH = 1152
POOL = 512


@dataclass
class Sample:
    """weights: 0 for what others say; what the model says counts less the longer the turn is."""

    tokens: list[int]
    weights: list[float]


@dataclass
class Batch:
    """All [rows, length]; weights (of targets in the loss) are 0 where the model need not speak."""

    tokens: Tensor
    positions: Tensor
    documents: Tensor
    targets: Tensor
    weights: Tensor


def turn_weight(length: int) -> float:
    """A short answer is all point; in a long one most tokens follow from the others."""
    return min(1.5, max(0.4, (10 / length) ** 0.5))


def encode(tokenizer: Tokenizer, conversation: Conversation) -> Sample:
    tokens: list[int] = []
    weights: list[float] = []
    for text, says in render(conversation.messages, conversation.tools):
        ids = tokenizer.encode(text)
        tokens += ids
        weights += [turn_weight(len(ids)) if says else 0.0] * len(ids)
    return Sample(tokens, weights)


def pack(samples: list[Sample], length: int) -> list[list[Sample]]:
    """First fit, longest first."""
    rows: list[tuple[int, list[Sample]]] = []
    for sample in sorted(samples, key=lambda s: -len(s.tokens)):
        for i, (used, row) in enumerate(rows):
            if used + len(sample.tokens) <= length:
                row.append(sample)
                rows[i] = (used + len(sample.tokens), row)
                break
        else:
            rows.append((len(sample.tokens), [sample]))
    return [row for _, row in rows]


def to_batch(rows: list[list[Sample]], length: int) -> Batch:
    shape = (len(rows), length)
    tokens = torch.zeros(shape, dtype=torch.long)
    positions = torch.zeros(shape, dtype=torch.long)
    documents = torch.full(shape, -1, dtype=torch.long)
    targets = torch.zeros(shape, dtype=torch.long)
    weights = torch.zeros(shape)
    for r, row in enumerate(rows):
        at = 0
        for d, sample in enumerate(row):
            n = len(sample.tokens)
            ids = torch.tensor(sample.tokens)
            tokens[r, at : at + n] = ids
            positions[r, at : at + n] = torch.arange(n)
            documents[r, at : at + n] = d
            targets[r, at : at + n - 1] = ids[1:]
            weights[r, at : at + n - 1] = torch.tensor(sample.weights[1:])
            at += n
    return Batch(tokens, positions, documents, targets, weights)


def batches(tokenizer: Tokenizer, seed: int, held_out: HeldOut) -> Iterator[Batch]:
    """An endless stream of batches of TOKENS_PER_BATCH tokens, the same for the same seed."""
    rng = random.Random(seed)
    stream = conversations(seed, held_out)
    waiting: dict[int, list[list[Sample]]] = defaultdict(list)
    while True:
        pool: dict[int, list[Sample]] = defaultdict(list)
        for _ in range(POOL):
            sample = encode(tokenizer, next(stream))
            length = next((n for n in ROW_LENGTHS if len(sample.tokens) <= n), None)
            if length:
                pool[length].append(sample)
        for length, samples in pool.items():
            waiting[length] += pack(samples, length)
        ready: list[Batch] = []
        for length, rows in waiting.items():
            rng.shuffle(rows)
            count = TOKENS_PER_BATCH // length
            while len(rows) >= count:
                ready.append(to_batch([rows.pop() for _ in range(count)], length))
        rng.shuffle(ready)
        yield from ready


def attention_bias(documents: Tensor) -> Tensor:
    """[rows, 1, length, length]: 0 where a token may look, a large negative number elsewhere."""
    length = documents.shape[1]
    same = documents[:, :, None] == documents[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return torch.where(same & causal, 0.0, -1e9)[:, None]
