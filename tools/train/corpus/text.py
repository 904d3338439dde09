"""Building blocks of the generators: a phrase grammar, made-up words, and careless typing."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

Rng = random.Random
Message = dict[str, Any]


@dataclass
class Conversation:
    """One training sample: chat messages, and the functions offered in the system turn."""

    family: str
    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    return {"role": "assistant", "content": text}


def system(text: str) -> Message:
    return {"role": "system", "content": text}


def phrase(rng: Rng, pattern: str, **slots: object) -> str:
    """Expands `[a|b|]` to one alternative (they nest), then fills `{slot}`."""
    text = fragment(rng, pattern)
    while "  " in text:
        text = text.replace("  ", " ")
    for key, value in slots.items():
        text = text.replace("{" + key + "}", str(value))
    return text.strip()


def fragment(rng: Rng, pattern: str) -> str:
    """One alternative of a pattern without slots; spaces at its ends stay."""
    return _expand(rng, pattern, 0)[0]


def _expand(rng: Rng, pattern: str, at: int) -> tuple[str, int]:
    options: list[str] = []
    out: list[str] = []
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            inner, at = _expand(rng, pattern, at + 1)
            out.append(inner)
            continue
        if char == "]":
            options.append("".join(out))
            return rng.choice(options), at + 1
        if char == "|":
            options.append("".join(out))
            out = []
        else:
            out.append(char)
        at += 1
    options.append("".join(out))
    return rng.choice(options), at


def capitalize(text: str) -> str:
    """Upper-cases the first letter only."""
    return text[:1].upper() + text[1:]


def careless(rng: Rng, text: str, lower: bool = True) -> str:
    """Types like people do: missing or doubled punctuation; with `lower` also lower case and typos.

    Text with values that the answer must copy is kept in its case and free of typos.
    """
    roll = rng.random()
    if roll < 0.45:
        return text
    if lower and roll < 0.68:
        text = text.lower()
    if rng.random() < 0.45:
        text = text.rstrip(".?!")
    elif rng.random() < 0.12:
        text = text.rstrip(".?!") + rng.choice(["!", "??", "...", " ?", "?", "!!", "."])
    if rng.random() < 0.06:
        text = text + rng.choice([" ", "\n", " :)", " thanks"])
    if lower and rng.random() < 0.05:
        text = typo(rng, text)
    return text


def typo(rng: Rng, text: str) -> str:
    """Swaps or drops one letter inside a lower-case word."""
    spots = [i for i in range(1, len(text) - 2) if text[i : i + 2].isalpha() and text[i].islower()]
    if not spots:
        return text
    i = rng.choice(spots)
    if rng.random() < 0.5:
        return text[:i] + text[i + 1 :]
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


ONSETS = (
    "b br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl sm sn sp st "
    "t th tr v w y z"
).split()
NUCLEI = "a a a e e e i i o o u ai au ea ee ei ia ie io oa oo ou y".split()
CODAS = "n n r l s m t d k nd rt ll ss th ck x v z ng st".split()


def syllable(rng: Rng) -> str:
    onset = rng.choice(ONSETS) if rng.random() < 0.88 else ""
    coda = rng.choice(CODAS) if rng.random() < 0.35 else ""
    return onset + rng.choice(NUCLEI) + coda


def made_up(rng: Rng, low: int = 1, high: int = 3) -> str:
    """A lower-case word that nobody has seen before."""
    word = "".join(syllable(rng) for _ in range(rng.randint(low, high)))
    return word if len(word) > 2 else word + rng.choice(["na", "lo", "rin", "ka", "ster"])


def made_up_name(rng: Rng) -> str:
    """A made-up proper name, sometimes of two words."""
    name = capitalize(made_up(rng))
    roll = rng.random()
    if roll < 0.15:
        name += rng.choice(["ville", "ton", "burg", "a", "ia", "o", "berg", "stad", "ford", "son"])
    elif roll < 0.2:
        prefix = rng.choice(["San", "New", "Port", "El", "Saint", "Old", "North", "Lake"])
        name = prefix + " " + name
    return name


def join_and(items: list[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def numbered(items: list[str]) -> str:
    return "\n".join(f"{i}. {item}" for i, item in enumerate(items, 1))


NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()


def a_or_an(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun
