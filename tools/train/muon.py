"""Muon: momentum whose step is orthogonalized, for the matrices inside the layers.

Source: Keller Jordan, "Muon: an optimizer for hidden layers in neural networks" (2024).
"""

from __future__ import annotations

import torch
from torch import Tensor

MOMENTUM = 0.95
WEIGHT_DECAY = 0.05


def orthogonalize(g: Tensor, steps: int = 5) -> Tensor:
    """A matrix with the singular vectors of g and singular values near 1 (Newton-Schulz)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


@torch.no_grad()
def muon_step(p: Tensor, gradient: Tensor, momentum: Tensor, fused: list[int], lr: float) -> None:
    """Updates a parameter in place; `fused` are the row counts of the matrices it is made of."""
    momentum.mul_(MOMENTUM).add_(gradient)
    update = gradient + MOMENTUM * momentum
    parts = update.split(fused)
    scaled = [orthogonalize(u) * max(1.0, u.shape[0] / u.shape[1]) ** 0.5 for u in parts]
    p.mul_(1 - lr * WEIGHT_DECAY)
    p.add_(torch.cat(scaled), alpha=-lr)
