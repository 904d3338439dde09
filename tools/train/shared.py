"""What the training processes share: weights, gradients, optimizer state, counters, a barrier."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.multiprocessing as mp
from torch import Tensor

from model import Llama
from muon import muon_step

ADAM_BETAS = (0.9, 0.98)
CLIP = 1.0


class Shared:
    """Everything lies in shared memory. The matrices' update (Muon) is spread over the workers;
    the embedding and the norms (Adam) are worker 0's."""

    def __init__(self, model: Llama, workers: int) -> None:
        context = mp.get_context("spawn")
        self.model = model.share_memory()
        self.workers = workers
        self.parameters = dict(model.named_parameters())
        self.first = {n: torch.zeros_like(p.data).share_memory_() for n, p in self.parameters.items()}
        self.second = {
            n: torch.zeros_like(p.data).share_memory_() for n, p in self.parameters.items() if not is_matrix(n, p)
        }
        self.gradients = [
            {n: torch.zeros_like(p.data).share_memory_() for n, p in self.parameters.items()} for _ in range(workers)
        ]
        self.counters = torch.zeros(2, dtype=torch.long).share_memory_()  # step, tokens
        self.loss = torch.zeros(1, dtype=torch.double).share_memory_()
        self.next = context.Value("i", 0)
        self.barrier = context.Barrier(workers)

    @property
    def step(self) -> int:
        return int(self.counters[0])

    @property
    def tokens(self) -> int:
        return int(self.counters[1])

    def replica(self) -> Llama:
        """A model with its own gradients whose weights are the shared ones."""
        copy = Llama(self.model.config)
        for mine, theirs in zip(copy.parameters(), self.model.parameters()):
            mine.data = theirs.data
        return copy

    def take(self) -> int:
        """The index of the next batch of this step that nobody works on."""
        with self.next.get_lock():
            index = self.next.value
            self.next.value += 1
        return index

    def add_loss(self, loss: float) -> None:
        with self.next.get_lock():
            self.loss += loss

    def take_loss(self) -> float:
        value = float(self.loss)
        self.loss.zero_()
        return value

    def publish(self, rank: int, model: Llama) -> None:
        """Hands over this worker's gradients and waits for the others'."""
        for name, p in model.named_parameters():
            if p.grad is None:
                self.gradients[rank][name].zero_()
            else:
                self.gradients[rank][name].copy_(p.grad)
        self.wait()

    @torch.no_grad()
    def update(self, rank: int, share: float, lr: float, adam_lr: float) -> None:
        totals = {n: sum(g[n] for g in self.gradients[1:]) + self.gradients[0][n] for n in self.parameters}
        norm = torch.sqrt(sum(t.square().sum() for t in totals.values()))  # type: ignore[arg-type]
        scale = float(torch.clamp(CLIP / (norm + 1e-6), max=1.0))
        for i, (name, p) in enumerate(self.parameters.items()):
            gradient = totals[name] * scale
            if not is_matrix(name, p):
                if rank == 0:
                    self._adam(name, p, gradient, adam_lr * share)
            elif i % self.workers == rank:
                muon_step(p.data, gradient, self.first[name], self._fused(name, p), lr * share)
        self.wait()

    def _adam(self, name: str, p: Tensor, gradient: Tensor, lr: float) -> None:
        beta1, beta2 = ADAM_BETAS
        t = self.step + 1
        first, second = self.first[name], self.second[name]
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        denominator = (second / (1 - beta2**t)).sqrt_().add_(1e-8)
        p.data.addcdiv_(first / (1 - beta1**t), denominator, value=-lr)

    def _fused(self, name: str, p: Tensor) -> list[int]:
        c = self.model.config
        if "qkv" in name:
            heads = [c.num_attention_heads, c.num_key_value_heads, c.num_key_value_heads]
            return [n * c.head_dim for n in heads]
        return [c.intermediate_size] * 2 if "gate_up" in name else [p.shape[0]]

    def finish_step(self, tokens: int) -> None:
        self.counters[0] += 1
        self.counters[1] += tokens
        self.next.value = 0

    def wait(self) -> None:
        self.barrier.wait()

    def save(self, path: Path) -> None:
        torch.save(
            {
                "config": self.model.config.to_dict(),
                "model": self.model.state_dict(),
                "first": self.first,
                "second": self.second,
                "step": self.step,
                "tokens": self.tokens,
            },
            path,
        )

    def load(self, path: Path) -> None:
        saved = torch.load(path, map_location="cpu")
        self.model.load_state_dict(saved["model"])
        for mine, theirs in ((self.first, saved["first"]), (self.second, saved["second"])):
            for name, value in theirs.items():
                mine[name].copy_(value)
        self.counters[0], self.counters[1] = saved["step"], saved["tokens"]


def is_matrix(name: str, p: Tensor) -> bool:
    return p.ndim == 2 and "embed" not in name
