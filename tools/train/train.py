"""Trains ollm-tiny on generated conversations: constant rate, then a linear decay to zero.

    python3 train.py --out run --steps 6000 --decay 2000
    python3 train.py --out run --steps 12000 --decay 4000 --resume run/step_4000.pt

The workers are processes of one thread each that take the next batch of a step as they become
free, so a busy core slows the run down only by its own share.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

import tokenizer as bpe
from batches import attention_bias, batches
from corpus.mix import HeldOut, conversations
from model import Config, Llama
from shared import Shared
from template import render

HERE = Path(__file__).resolve().parent
QUESTIONS = HERE.parent / "eval" / "questions.jsonl"
BATCHES_PER_STEP = 4
WARMUP = 100
LOG_EVERY = 20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--decay", type=int, default=2000, help="last steps, rate falling to zero")
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.02, help="of the matrices (Muon)")
    parser.add_argument("--adam-lr", type=float, default=0.004, help="of embedding and norms")
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json; trained anew when absent")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="bfloat16 matrix products")
    parser.add_argument("--compile", action="store_true", help="torch.compile (2.x only)")
    parser.add_argument("--config", type=json.loads, default={}, help="JSON with changes of the shape")
    return parser.parse_args()


def train_tokenizer(vocab_size: int, held_out: HeldOut) -> bpe.Tokenizer:
    stream = conversations(0, held_out)
    texts = ("".join(t for t, _ in render(c.messages, c.tools)) for c, _ in zip(stream, range(16000)))
    fixed = len(bpe.ADDED) + 256
    return bpe.Tokenizer(bpe.train_merges(texts, vocab_size - fixed))


def rate(step: int, args: argparse.Namespace) -> float:
    """Share of the full rate at a step: short warm-up, constant, linear to zero."""
    return min(1.0, (step + 1) / WARMUP, (args.steps - step) / max(1, args.decay))


def work(rank: int, args: argparse.Namespace, shared: Shared) -> None:
    """One worker: gradients of the batches it takes, then its part of the update."""
    torch.set_num_threads(1)
    model = shared.replica()
    run = torch.compile(model.hidden, dynamic=False) if args.compile else model.hidden
    seed = args.seed * 1000003 + shared.step
    tokenizer = bpe.load(args.out / "tokenizer.json")
    stream = batches(tokenizer, seed, HeldOut(QUESTIONS))
    began, before = time.time(), shared.tokens
    while shared.step < args.steps:
        group = [next(stream) for _ in range(BATCHES_PER_STEP)]
        weight = sum(float(b.weights.sum()) for b in group)
        model.zero_grad(set_to_none=True)
        while (index := shared.take()) < BATCHES_PER_STEP:
            batch = group[index]
            with torch.autocast("cpu", dtype=torch.bfloat16) if args.bf16 else nullcontext():
                states = run(batch.tokens, attention_bias(batch.documents), batch.positions)
                wanted = batch.weights > 0
                logits = model.head(states[wanted]).float()
                losses = F.cross_entropy(logits, batch.targets[wanted], reduction="none")
                loss = (losses * batch.weights[wanted]).sum() / weight
            loss.backward()
            shared.add_loss(loss.item())
        shared.publish(rank, model)
        shared.update(rank, rate(shared.step, args), args.lr, args.adam_lr)
        if rank == 0:
            shared.finish_step(sum(b.tokens.numel() for b in group))
            if shared.step % LOG_EVERY == 0:
                speed = (shared.tokens - before) / (time.time() - began)
                began, before = time.time(), shared.tokens
                loss_mean = shared.take_loss() / LOG_EVERY
                print(f"step {shared.step} loss {loss_mean:.4f} tokens {shared.tokens} {speed:.0f}/s", flush=True)
            if shared.step % args.save_every == 0 or shared.step == args.steps:
                shared.save(args.out / f"step_{shared.step}.pt")
        shared.wait()


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    config = Config(**args.config)
    if args.tokenizer:
        tokenizer = bpe.load(args.tokenizer)
    else:
        tokenizer = train_tokenizer(config.vocab_size, HeldOut(QUESTIONS))
    text = json.dumps(tokenizer.to_json(), ensure_ascii=False)
    (args.out / "tokenizer.json").write_text(text, encoding="utf-8")
    shared = Shared(Llama(config), args.workers)
    if args.resume:
        shared.load(args.resume)
    print(f"parameters {sum(p.numel() for p in shared.model.parameters())}", flush=True)
    mp.spawn(work, (args, shared), nprocs=args.workers)


if __name__ == "__main__":
    main()
