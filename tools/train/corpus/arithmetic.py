"""Small sums: plus, minus, times, halves, comparing, and one-line word problems."""

from __future__ import annotations

from . import words
from .facts import ask
from .qa import QA
from .text import NUMBER_WORDS, Rng, capitalize, phrase

# Sums that stay out of training; the evaluation asks some of them.
HELD_OUT_SUMS = {
    (7, 6), (8, 9), (4, 13), (12, 7), (15, 4), (9, 11), (3, 14), (16, 3), (11, 8), (6, 12), (23, 14), (18, 21),
}
HELD_OUT_DIFFERENCES = {(15, 7), (13, 8), (18, 9), (20, 6), (17, 5), (12, 5), (19, 12), (14, 6)}


def _number(rng: Rng, n: int, spell: bool) -> str:
    return NUMBER_WORDS[n] if spell and n <= 20 else str(n)


def _small(rng: Rng) -> int:
    roll = rng.random()
    if roll < 0.4:
        return rng.randint(0, 10)
    if roll < 0.95:
        return rng.randint(0, 20)
    return rng.randint(0, 50)


def _add(rng: Rng) -> QA:
    a, b = _small(rng), _small(rng)
    while (a, b) in HELD_OUT_SUMS:
        a, b = _small(rng), _small(rng)
    spell = rng.random() < 0.12
    x, y = _number(rng, a, spell), _number(rng, b, spell)
    core = phrase(
        rng,
        "[what is|what's|how much is|calculate|compute|work out|tell me|solve|] {x} [plus|+|and|added to] {y}"
        "|{x} [+|plus] {y}|{x}+{y}|{x} [+|plus] {y} [=|is|equals|makes][| what| ?]|add {x} and {y}"
        "|what is the sum of {x} and {y}|the sum of {x} and {y}|add {y} to {x}|what do {x} and {y} make"
        "|[what is|] {x}+{y}|what do you get if you add {x} and {y}|how much do you get from {x} plus {y}"
        "|what does {x} plus {y} [make|equal|give]|sum {x} and {y}|put {x} and {y} together"
        "|[find|give me] the sum of {x} and {y}|total of {x} and {y}|what is the total of {x} and {y}",
        x=x,
        y=y,
    )
    np = phrase(rng, "[the sum of {x} and {y}|{x} plus {y}|{x} + {y}|the total of {x} and {y}|{x} added to {y}]", x=x, y=y)
    return QA(ask(rng, core, np), f"{a} + {b} = {a + b}", str(a + b))


def _subtract(rng: Rng) -> QA:
    a, b = _small(rng), _small(rng)
    a, b = max(a, b), min(a, b)
    while (a, b) in HELD_OUT_DIFFERENCES:
        a = rng.randint(10, 20)
        b = rng.randint(0, 10)
    spell = rng.random() < 0.12
    x, y = _number(rng, a, spell), _number(rng, b, spell)
    core = phrase(
        rng,
        "[what is|what's|how much is|calculate|compute|work out|tell me|solve|] {x} [minus|-|take away|less] {y}"
        "|{x} [-|minus] {y}|{x}-{y}|{x} [-|minus] {y} [=|is|equals][| what| ?]|subtract {y} from {x}"
        "|take {y} [away |]from {x}|what is the difference between {x} and {y}|[what is|] {x}-{y}"
        "|what is left if you take {y} from {x}|the difference between {x} and {y}"
        "|what does {x} minus {y} [make|equal|give]|what do you get if you subtract {y} from {x}"
        "|how much is left of {x} without {y}|[find|give me] the difference between {x} and {y}",
        x=x,
        y=y,
    )
    np = phrase(rng, "[the difference between {x} and {y}|{x} minus {y}|{x} - {y}|{x} take away {y}|{x} less {y}]", x=x, y=y)
    return QA(ask(rng, core, np), f"{a} - {b} = {a - b}", str(a - b))


def _times(rng: Rng) -> QA:
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    spell = rng.random() < 0.12
    x, y = _number(rng, a, spell), _number(rng, b, spell)
    core = phrase(
        rng,
        "[what is|what's|how much is|calculate|compute|work out|tell me|solve|] {x} [times|*|x|multiplied by] {y}"
        "|{x} [*|times|x] {y}|{x}*{y}|{x} [*|times] {y} [=|is|equals]|multiply {x} [by|and|with] {y}"
        "|what is the product of {x} and {y}|what does {x} times {y} [make|equal|give]"
        "|what do you get if you multiply {x} [by|and] {y}|the product of {x} and {y}|find {x} times {y}",
        x=x,
        y=y,
    )
    np = phrase(rng, "[the product of {x} and {y}|{x} times {y}|{x} * {y}|{x} multiplied by {y}]", x=x, y=y)
    return QA(ask(rng, core, np), f"{a} * {b} = {a * b}", str(a * b))


def _half_double(rng: Rng) -> QA:
    n = rng.randint(1, 20)
    if rng.random() < 0.5:
        core = phrase(rng, "[what is|how much is|] [half of|one half of|the half of] {n}|halve {n}|{n} divided by 2", n=2 * n)
        return QA(ask(rng, core), f"Half of {2 * n} is {n}.", str(n))
    core = phrase(rng, "[what is|how much is|] [double|twice|two times|the double of] {n}|double {n}", n=n)
    return QA(ask(rng, core), f"Twice {n} is {2 * n}.", str(2 * n))


def _compare(rng: Rng) -> QA:
    a, b = rng.sample(range(0, 100 if rng.random() < 0.5 else 20), 2)
    bigger = rng.random() < 0.5
    word = rng.choice(["bigger", "larger", "greater", "more"] if bigger else ["smaller", "less", "lower"])
    core = phrase(
        rng,
        "which [number |]is {w}, {a} or {b}|what is {w}, {a} or {b}|is {a} or {b} {w}|{a} or {b}, which is {w}"
        "|which is {w}: {a} or {b}|which [number |]is the {w} one, {a} or {b}|of {a} and {b}, which is {w}"
        "|which of {a} and {b} is {w}",
        w=word,
        a=a,
        b=b,
    )
    answer = max(a, b) if bigger else min(a, b)
    other = min(a, b) if bigger else max(a, b)
    shown = "more" if bigger else "less"
    return QA(ask(rng, core), f"{answer} is {shown} than {other}.", str(answer))


def _next(rng: Rng) -> QA:
    n = rng.randint(0, 98)
    if rng.random() < 0.6:
        core = phrase(rng, "[what|which] number comes [right |]after {n}|what comes after {n}|the number after {n}|what is the next number after {n}|count on from {n}|which number follows {n}", n=n)
        return QA(ask(rng, core), f"After {n} comes {n + 1}.", str(n + 1))
    n += 1
    core = phrase(rng, "[what|which] number comes [right |]before {n}|what comes before {n}|the number before {n}", n=n)
    return QA(ask(rng, core), f"Before {n} comes {n - 1}.", str(n - 1))


def _story_problem(rng: Rng) -> QA:
    a, b = rng.randint(1, 12), rng.randint(1, 9)
    plural = rng.choice(["apples", "books", "coins", "eggs", "balls", "cakes", "pencils", "shells", "stones", "cards", "stamps", "keys", "cups", "nuts", "flowers", "sweets", "marbles", "toys"])
    name = rng.choice(words.NAMES)
    if rng.random() < 0.5:
        if (a, b) in HELD_OUT_SUMS:
            b = 1
        text = phrase(
            rng,
            "[I have|{m} has|There are|You have] {a} {t}[.| and] [I get|{m} gets|{m} buys|I buy|I find|{m} finds|someone brings] {b} more. "
            "How many {t} [are there now|are there|do I have now|does {m} have|are that in total|is that]?",
            m=name, a=a, b=b, t=plural,
        )
        text = text.replace("and I", "and I").replace(" and Someone", " and someone")
        return QA(_sentence_case(text), f"{a} + {b} = {a + b}", str(a + b))
    a, b = max(a, b), min(a, b)
    if (a, b) in HELD_OUT_DIFFERENCES:
        b = 1
    text = phrase(
        rng,
        "[I have|{m} has|There are|You have] {a} {t}[.| and] [I lose|{m} loses|{m} gives away|I give away|I eat|{m} sells|someone takes] {b}. "
        "How many {t} [are left|are there now|do I have left|does {m} have now|remain]?",
        m=name, a=a, b=b, t=plural,
    )
    return QA(_sentence_case(text), f"{a} - {b} = {a - b}", str(a - b))


def _sentence_case(text: str) -> str:
    parts = text.split(". ")
    return ". ".join(part[:1].upper() + part[1:] for part in parts)


def _pair(rng: Rng, sign: str) -> tuple[int, int]:
    while True:
        if sign == "*":
            return rng.randint(0, 10), rng.randint(0, 10)
        a, b = _small(rng), _small(rng)
        if sign == "+" and (a, b) not in HELD_OUT_SUMS:
            return a, b
        if sign == "-" and a >= b and (a, b) not in HELD_OUT_DIFFERENCES:
            return a, b


def make_drill(rng: Rng) -> QA:
    """Many sums in one turn: the densest way to practise."""
    signs = rng.choice(["+", "+", "-", "-", "*", "*", "+-", "+-*"])
    sums = []
    for _ in range(rng.randint(3, 16)):
        sign = rng.choice(signs)
        a, b = _pair(rng, sign)
        sums.append((a, sign, b, {"+": a + b, "-": a - b, "*": a * b}[sign]))
    tight = rng.random() < 0.5
    shown = [f"{a}{s}{b}" if tight else f"{a} {s} {b}" for a, s, b, _ in sums]
    lead = phrase(
        rng,
        "[do|solve|work out|calculate|answer|finish|compute] [these|these sums|the sums|all of these|some sums]:"
        "|[sums|exercises|my homework|practice]:|what are|please solve",
    )
    text = f"{capitalize(lead)} " + rng.choice([", ", "; ", ", "]).join(shown)
    answer = "\n".join(f"{a} {s} {b} = {c}" for a, s, b, c in sums)
    return QA(text, answer, answer)


MAKERS = [_add] * 8 + [_subtract] * 6 + [_times] * 5 + [_half_double] * 2 + [_compare] * 2 + [_next] * 2 + [_story_problem] * 4


def make_sum(rng: Rng) -> QA:
    return rng.choice(MAKERS)(rng)
