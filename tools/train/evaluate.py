"""Answers the held-out questions in torch; `tools/eval/main.ts --answers` scores the file.

    python3 evaluate.py run/step_6000.pt run/tokenizer.json answers.jsonl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

import tokenizer as bpe
from generate import chat, load_model

EVAL = Path(__file__).resolve().parent.parent / "eval"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("answers", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = load_model(args.checkpoint), bpe.load(args.tokenizer)
    functions = json.loads((EVAL / "functions.json").read_text(encoding="utf-8"))
    with args.answers.open("w", encoding="utf-8") as out:
        for line in (EVAL / "questions.jsonl").read_text(encoding="utf-8").splitlines():
            question = json.loads(line)
            tools = [functions[name] for name in question.get("tools", [])]
            text = chat(model, tokenizer, question["messages"], tools)
            out.write(json.dumps({"id": question["id"], "text": text}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
