"""Lists: name so many things of a kind."""

from __future__ import annotations

from . import words
from .frames import framed, is_question, opened, shaken
from .qa import QA
from .text import NUMBER_WORDS, Rng, a_or_an, capitalize, join_and, numbered, fragment, phrase


def _choose(rng: Rng, items: list[str], count: int) -> list[str]:
    """Mostly the first ones in order, so that greedy answers are steady; else a random choice."""
    if rng.random() < 0.75:
        return items[:count]
    return rng.sample(items, count)


def make_list(rng: Rng) -> QA:
    singular, plural, items = rng.choice(words.LISTS if rng.random() < 0.75 else words.LISTS[:7])
    if rng.random() < 0.03:
        return _count(rng)
    if rng.random() < 0.12:
        return _single(rng, singular, items)
    if len(items) <= 8 and rng.random() < 0.2:
        return _all(rng, plural, items)
    most = min(len(items), 8)
    count = rng.choice([2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8])
    count = min(count, most)
    n = NUMBER_WORDS[count] if rng.random() < 0.7 else str(count)
    core = phrase(
        rng,
        "[list|name|give me|tell me|write|write down|show me|say|type|list me|mention|think of|find|"
        "enumerate|provide|pick|choose|suggest] [|the names of ]{n} {p}"
        "|[can|could|would|will] you [please |][list|name|give me|tell me|write down|mention|think of] {n} {p}"
        "|[what are|which are] [|some |the names of ]{n} {p}|{n} {p}|I [need|want|would like|am looking for] "
        "[a list of |the names of |][|any ]{n} {p}|please [list|name|give me|write|mention|show me] {n} {p}"
        "|[make|write|give me|create|I need] a list of {n} {p}|a list [of|with] {n} {p}"
        "|[list|name|give me] {n} [different |examples of |kinds of |]{p}"
        "|[give me|show me|what are] {n} examples of {p}|do you know {n} {p}"
        "|which {n} {p} [do you know|can you name|can you think of]|help me name {n} {p}"
        "|let me hear {n} {p}|I bet you can name {n} {p}|for my homework I need {n} {p}"
        "|{p}, {n} of them|list {p}, {n} of them|name any {n} {p}|give {n} {p}"
        "|tell me the names of {n} {p}|try to name {n} {p}|how about {n} {p}",
        n=n,
        p=plural,
    )
    if rng.random() < 0.3:
        core = framed(rng, phrase(rng, "[|||the names of |a list of |the list of |some ]{n} {p}", n=n, p=plural))
    asks = is_question(core)
    core = shaken(rng, core)
    core += fragment(rng, "[|||||, please| please| for me| you know| that you know| you can think of]")
    chosen = _choose(rng, items, count)
    chosen = [capitalize(item) for item in chosen]
    one_line = rng.random() < 0.1
    if one_line:
        core += fragment(rng, "[ in one line| on one line|, separated by commas|, with commas| in a single line|, comma separated]")
    question = opened(rng, capitalize(core) + ("?" if asks else "."))
    if one_line:
        return QA(question, ", ".join(chosen) + ".", ", ".join(chosen))
    return QA(question, numbered(chosen), ", ".join(chosen))


def _count(rng: Rng) -> QA:
    n = rng.randint(2, 15)
    shown = NUMBER_WORDS[n] if rng.random() < 0.5 else str(n)
    core = phrase(rng, "[count|please count|can you count|count up|now count] [to|up to|from one to|from 1 to] {n}", n=shown)
    numbers = ", ".join(str(i) for i in range(1, n + 1))
    return QA(capitalize(core) + ".", numbers, numbers)


def _single(rng: Rng, singular: str, items: list[str]) -> QA:
    core = phrase(
        rng,
        "[name|give me|tell me|think of|say|pick|choose|mention] [{a}|one {s}|any {s}]"
        "|[can|could] you name [{a}|one {s}]|what is [an example of {a}|one {s}]|an example of {a}"
        "|I need [{a}|one {s}]|one {s}|please [name|give me] [{a}|one {s}]",
        a=a_or_an(singular),
        s=singular,
    )
    item = capitalize(items[0] if rng.random() < 0.75 else rng.choice(items))
    return QA(capitalize(core) + ("?" if core.startswith(("can", "could", "what")) else "."), item + ".", item)


def _all(rng: Rng, plural: str, items: list[str]) -> QA:
    if plural not in ("planets", "days of the week", "seasons", "continents", "oceans"):
        plural, items = "planets", words.PLANETS
    core = phrase(
        rng,
        "[list|name|give me|tell me|what are|write down|show me] [all |all the |the ][{n} |]{p}"
        "|[can|could] you [list|name] [all |all the |the ]{p}|which {p} are there|all {p}"
        "|what {p} [are there|do we have]|list every one of the {p}|what are the names of the {p}",
        n=NUMBER_WORDS[len(items)],
        p=plural,
    )
    shown = [capitalize(item) for item in items]
    asks = core.split(" ")[0] in ("can", "could", "which", "what")
    return QA(capitalize(core) + ("?" if asks else "."), numbered(shown), join_and(shown))
