"""Draws conversations of all families in their proportions and refuses held-out prompts."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Iterator

from .arithmetic import make_drill, make_sum
from .calls import make_call
from .facts import make_fact, make_fact_drill
from .greetings import make_greeting
from .instructions import make_instruction, neutral_system
from .lists import make_list
from .memory import make_memory
from .qa import QA
from .stories import make_story
from .text import Conversation, Message, Rng, assistant, careless, system, user
from .unknown import make_unknown

WEIGHTS = {
    "greetings": 7,
    "facts": 16,
    "lists": 10,
    "arithmetic": 16,
    "sum drills": 8,
    "fact drills": 7,
    "memory": 16,
    "instructions": 32,
    "tools": 28,
    "stories": 4.5,
    "unknown": 7,
    "long": 1,
}

MAKERS = {
    "greetings": make_greeting,
    "facts": make_fact,
    "lists": make_list,
    "arithmetic": make_sum,
    "sum drills": make_drill,
    "fact drills": make_fact_drill,
    "unknown": make_unknown,
}


def any_qa(rng: Rng) -> QA:
    kinds = ["greetings", "facts", "facts", "lists", "arithmetic", "unknown"]
    return MAKERS[rng.choice(kinds)](rng)


def styled_qa(rng: Rng) -> QA:
    """What the style rules are practised on."""
    kinds = ["greetings", "facts", "facts", "facts", "lists", "arithmetic"]
    return MAKERS[rng.choice(kinds)](rng)


def one_word_qa(rng: Rng) -> QA:
    while True:
        qa = make_fact(rng) if rng.random() < 0.8 else make_sum(rng)
        if qa.is_one_word:
            return qa


def draw(rng: Rng) -> Conversation:
    family = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    if family == "memory":
        conversation = make_memory(rng, any_qa)
    elif family == "instructions":
        return make_instruction(rng, styled_qa, one_word_qa)
    elif family == "tools":
        return make_call(rng, any_qa)
    elif family == "stories":
        conversation = make_story(rng)
    elif family == "long":
        conversation = _long(rng)
    else:
        messages: list[Message] = []
        for i in range(rng.choice([1, 1, 1, 2, 3])):
            qa = MAKERS[family](rng) if i == 0 else any_qa(rng)
            messages += [user(careless(rng, qa.question)), assistant(qa.full)]
        conversation = Conversation(family, messages)
    if rng.random() < 0.4 and conversation.messages[0]["role"] != "system":
        conversation.messages.insert(0, system(neutral_system(rng)))
    return conversation


def _long(rng: Rng) -> Conversation:
    """Many turns of all kinds, so that late positions are trained too."""
    conversation = make_memory(rng, any_qa)
    first = next(i for i, m in enumerate(conversation.messages) if m["role"] == "assistant") + 1
    head, tail = conversation.messages[:first], conversation.messages[first:]
    middle: list[Message] = []
    for _ in range(rng.randint(6, 26)):
        qa = any_qa(rng)
        middle += [user(careless(rng, qa.question)), assistant(qa.full)]
    return Conversation("long", head + middle + tail)


def normalize(text: str) -> str:
    """Letters and digits only, lower case: two prompts that differ less are the same prompt."""
    return re.sub(r"[^a-z0-9+*-]+", " ", text.lower()).strip()


class HeldOut:
    """The evaluation's prompts. A conversation that contains one of them is never trained on.

    A question whose point is its system prompt is known by system prompt and turns together;
    any other by its user turns alone, whatever the system prompt or the tools around them.
    """

    def __init__(self, path: Path) -> None:
        self.single: set[str] = set()
        self.chats: set[str] = set()
        self.instructed: set[str] = set()
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            question = json.loads(line)
            prompt, turns = _turns(question["messages"])
            if question["family"] == "instructions" and prompt:
                self.instructed.add(prompt + " : " + " ".join(turns))
                continue
            if len(turns) == 1:
                self.single.add(turns[0])
            self.chats.add(" ".join(turns))

    def refuses(self, messages: list[Message]) -> bool:
        prompt, turns = _turns(messages)
        if any(turn in self.single for turn in turns):
            return True
        starts = [" ".join(turns[: i + 1]) for i in range(len(turns))]
        return any(s in self.chats or f"{prompt} : {s}" in self.instructed for s in starts)


def _turns(messages: list[Message]) -> tuple[str, list[str]]:
    """System prompt and user turns, normalized."""
    prompt = next((m["content"] for m in messages if m["role"] == "system"), "")
    return normalize(prompt), [normalize(m["content"]) for m in messages if m["role"] == "user"]


def conversations(seed: int, held_out: HeldOut) -> Iterator[Conversation]:
    """An endless stream of training conversations, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        conversation = draw(rng)
        if not held_out.refuses(conversation.messages):
            yield conversation
