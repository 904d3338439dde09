"""Facts: capitals, opposites, order of days, months and planets, colours, counts, sounds, young."""

from __future__ import annotations

from . import words
from .frames import framed, is_question, opened, shaken
from .qa import QA
from .text import Rng, a_or_an, capitalize, fragment, join_and, made_up_name, phrase

LEADS = (
    "[|||||please tell me: |tell me, |quick question: |can you tell me |could you tell me |"
    "do you know |I want to know: |I would like to know |please answer: |question: |hey, |"
    "so, |now, |okay, |one question: |I wonder, |my question is: |help me out: |"
    "let me know |please say |I need to know |do tell me, |hello, |hi, |well, |ok so |tell us: ]"
)


def ask(rng: Rng, core: str, np: str | None = None) -> str:
    """A question from its core, or a frame around its noun phrase; wrapped now and then."""
    if np and rng.random() < 0.5:
        text = framed(rng, np)
        lead = ""
    else:
        lead = fragment(rng, LEADS).strip()
        text = f"{lead} {core}".strip()
    asks = is_question(core) if text.endswith(core) else is_question(text)
    text = shaken(rng, text) + fragment(rng, "[|||||||, please| please| for me]")
    return opened(rng, capitalize(text) + ("?" if asks or lead else "."))


def _capital(rng: Rng) -> QA:
    country, capital = rng.choice(list(words.CAPITALS.items()))
    bare = country.removeprefix("the ")
    core = phrase(
        rng,
        "[what is|what's|which city is|name|give me|tell me|what city is|which is] the capital "
        "[of|of|of|city of] {c}"
        "|what is {b}'s capital [city|]|[the |]capital of {c}|{b}'s capital|which city is {b}'s capital"
        "|{c} has which capital|what is the name of the capital of {c}|capital [city|] {b}"
        "|what capital does {c} have|which capital does {c} have|the capital city of {c} is"
        "|what do you call the capital of {c}|where is the government of {c}"
        "|which city is the seat of government of {c}|the main city of {c}, its capital, is"
        "|what city is the capital [of|in] {c}|name the capital city of {c}|{b}: capital"
        "|of {c}, what is the capital|what would be the capital of {c}|is there a capital of {c}"
        "|I forgot the capital of {c}|I am looking for the capital of {c}|remind me of the capital of {c}"
        "|what is the capital city called in {c}|what is the capital called in {c}",
        c=country,
        b=bare,
    )
    return QA(ask(rng, core, phrase(rng, "[the capital of {c}|the capital city of {c}|{b}'s capital]", c=country, b=bare)), f"The capital of {country} is {capital}.", capital)


def _capital_of_what(rng: Rng) -> QA:
    country, capital = rng.choice(list(words.CAPITALS.items()))
    if capital == "London":
        country = "the United Kingdom"
    core = phrase(
        rng,
        "{c} is the capital of [which|what] country|[which|what] country has {c} as its capital"
        "|[which|what] country has the capital {c}|of which country is {c} the capital"
        "|what is {c} the capital of|[which|what] country's capital is {c}"
        "|whose capital is {c}|name the country whose capital is {c}|[which|what] country is {c} in"
        "|where is {c}|in which country is {c}|{c} lies in which country|{c} is in which country"
        "|in what country [can I find|do I find|would I find] {c}|where can I find {c}",
        c=capital,
    )
    return QA(ask(rng, core, phrase(rng, "the country whose capital is {c}|the country of {c}", c=capital)), f"{capital} is the capital of {country}.", country.removeprefix("the "))


def _capital_unknown(rng: Rng) -> QA:
    place = made_up_name(rng)
    core = phrase(
        rng,
        "[what is|what's|which city is|name|tell me] the capital [of|city of] {c}|capital of {c}"
        "|what is {c}'s capital|do you know the capital of {c}|which capital does {c} have",
        c=place,
    )
    return QA(ask(rng, core, phrase(rng, "[the capital of {c}|the capital city of {c}|{c}'s capital]", c=place)), "I do not know that capital.", "I do not know.")


def _opposite(rng: Rng) -> QA:
    word, other = rng.choice(list(words.OPPOSITES.items()))
    if rng.random() < 0.5 and other in words.OPPOSITES.values():
        reverse = [k for k, v in words.OPPOSITES.items() if v == other]
        if len(reverse) == 1 and other not in words.OPPOSITES:
            word, other = other, word
    shown = phrase(rng, '[{w}|{w}|{w}|"{w}"|the word {w}|\'{w}\']', w=word)
    core = phrase(
        rng,
        "[what is|what's|name|give me|tell me|say] the opposite [of|of|to] {w}|opposite of {w}|"
        "[which|what] word is the opposite of {w}|what is the contrary of {w}|{w} is the opposite of what"
        "|the opposite of {w} is|what do you call the opposite of {w}|if not {w}, then what"
        "|[which|what] word means the opposite of {w}|what is {w}'s opposite"
        "|[find|I need|I am looking for] the opposite of {w}|give me an antonym for {w}"
        "|antonym of {w}|[what's|what is] an antonym of {w}|name an antonym of {w}"
        "|[what's|what is] the reverse of {w}|not {w} but|{w} and its opposite"
        "|a word that is the opposite of {w}|which word is opposite to {w}",
        w=shown,
    )
    return QA(ask(rng, core, phrase(rng, "[the opposite of {w}|the opposite of the word {w}|the contrary of {w}|the word opposite to {w}|an antonym of {w}]", w=shown)), f"The opposite of {word} is {other}.", other)


ORDERED = [
    ("day", words.DAYS, True),
    ("month", words.MONTHS, True),
    ("season", words.SEASONS, True),
]


def _order(rng: Rng) -> QA:
    kind, items, _ = rng.choice(ORDERED[:2] if rng.random() < 0.85 else ORDERED)
    i = rng.randrange(len(items))
    if rng.random() < 0.6:
        other = items[(i + 1) % len(items)]
        core = phrase(
            rng,
            "[what|which] {k} [comes|is] [right |just |directly |]after {x}|what comes [right |]after {x}"
            "|what is the {k} after {x}|[the |]{k} after {x}|which {k} follows {x}|what follows {x}"
            "|after {x} comes what|after {x} comes which {k}|what is the next {k} after {x}"
            "|name the {k} after {x}|if it is {x}, [what|which] {k} is next|which {k} comes next after {x}"
            "|today is {x}, what is tomorrow|which {k} do we get after {x}|{x} is followed by [what|which {k}]"
            "|name the {k} that [comes after|follows] {x}|when {x} is over, which {k} is it",
            k=kind,
            x=items[i],
        )
        if "tomorrow" in core and kind != "day":
            core = f"which {kind} comes after {items[i]}"
        np = phrase(rng, "the {k} [after|following|right after|that comes after|that follows] {x}", k=kind, x=items[i])
        return QA(ask(rng, core, np), f"After {items[i]} comes {other}.", other)
    other = items[(i - 1) % len(items)]
    core = phrase(
        rng,
        "[what|which] {k} [comes|is] [right |just |directly |]before {x}|what comes [right |]before {x}"
        "|what is the {k} before {x}|[the |]{k} before {x}|before {x} comes what|name the {k} before {x}"
        "|which {k} [precedes|comes ahead of] {x}|what is the previous {k} before {x}"
        "|today is {x}, what was yesterday|which {k} do we have before {x}|{x} comes after [what|which {k}]"
        "|name the {k} that comes before {x}",
        k=kind,
        x=items[i],
    )
    if "yesterday" in core and kind != "day":
        core = f"which {kind} comes before {items[i]}"
    np = phrase(rng, "the {k} [before|just before|right before|that comes before] {x}", k=kind, x=items[i])
    return QA(ask(rng, core, np), f"Before {items[i]} comes {other}.", other)


def _colour_of(rng: Rng) -> QA:
    thing, colour = rng.choice(list(words.COLOURS_OF.items()))
    spelling = rng.choice(["colour", "color"])
    core = phrase(
        rng,
        "what {s} is {t}|[which|what] {s} does {t} have|what is the {s} of {t}|the {s} of {t}"
        "|tell me the {s} of {t}|name the {s} of {t}|which {s} is {t}|{t} is [what|which] {s}"
        "|what {s} would {t} be|in what {s} do we see {t}|{t} has which {s}|what {s} do you think {t} is"
        "|[what|which] {s} has {t}|what is {t}'s {s}",
        s=spelling,
        t=thing,
    )
    return QA(ask(rng, core, f"the {spelling} of {thing}"), f"{capitalize(thing)} is {colour}.", colour)


def _count(rng: Rng) -> QA:
    thing, number = rng.choice(list(words.COUNTS.items()))
    core = phrase(rng, "how many {t}|[the |]number: how many {t}|what number is it: how many {t}", t=thing)
    unit = thing.split(" ")[0]
    for link in (" are in ", " does ", " are "):
        if link in thing:
            place = thing.split(link)[1]
            break
    else:
        place = ""
    if " are in " in thing or " are on " in thing:
        where = thing.split(" are ")[1]
        np = f"the number of {unit} {where}"
        full = f"There are {number} {unit} {where}."
        if rng.random() < 0.4:
            core = phrase(
                rng,
                "what is the number of {u} {w}|count the {u} {w}|{w}, how many {u} are there"
                "|how many {u} do we have {w}|how many {u} can you count {w}|how many {u} {w}"
                "|the number of {u} {w}",
                u=unit,
                w=where,
            )
    elif " does " in thing:
        owner = place.removesuffix(" have")
        np = f"the number of {unit} of {owner}"
        full = f"{capitalize(owner)} has {number} {unit}."
        if rng.random() < 0.4:
            core = phrase(
                rng,
                "what is the number of {u} of {o}|{o} has how many {u}|how many {u} has {o}"
                "|how many {u} are on {o}|count the {u} of {o}|how many {u} on {o}"
                "|tell me how many {u} {o} has",
                u=unit,
                o=owner,
            )
    else:
        np = f"the number of {unit}"
        full = f"There are {number} {unit}."
    return QA(ask(rng, core, np), full, number)


def _animal(rng: Rng) -> QA:
    if rng.random() < 0.5:
        animal, sound = rng.choice(list(words.SOUNDS.items()))
        core = phrase(
            rng,
            "[what|which] sound does {a} make|what does {a} say|what noise does {a} make"
            "|the sound of {a}|how does {a} sound|what sound comes from {a}|which noise comes from {a}"
            "|what is the sound of {a}|{a} says what|imitate {a}|how does {a} go",
            a=a_or_an(animal),
        )
        np = phrase(rng, "the [sound|noise] [of {a}|that {a} makes|{a} makes]", a=a_or_an(animal))
        return QA(ask(rng, core, np), f"{capitalize(a_or_an(animal))} says {sound}.", sound)
    animal, young = rng.choice(list(words.YOUNG.items()))
    core = phrase(
        rng,
        "what is a [young|baby] {a} called|what do you call a [young|baby] {a}|the name of a baby {a}"
        "|what is the young of {a2} called|a baby {a} is called what|how is a [young|baby] {a} called"
        "|what is the word for a [young|baby] {a}|[name for|word for] a baby {a}"
        "|what name does a [young|baby] {a} have|the child of {a2} is called",
        a=animal,
        a2=a_or_an(animal),
    )
    np = phrase(rng, "the [name|word] [of|for] a [young|baby] {a}", a=animal)
    return QA(ask(rng, core, np), f"A young {animal} is called {a_or_an(young)}.", young)


def _planet(rng: Rng) -> QA:
    facts = [
        ("[what is|which is|name|tell me] the [biggest|largest] planet|which planet is the [biggest|largest]"
         "|which planet is bigger than all others", "Jupiter is the biggest planet.", "Jupiter"),
        ("[what is|which is|name|tell me] the smallest planet|which planet is the smallest",
         "Mercury is the smallest planet.", "Mercury"),
        ("[what is|which is|name] the [red planet|planet called the red planet]|which planet is [the red one|red]"
         "|which planet do people call the red planet", "Mars is the red planet.", "Mars"),
        ("which planet has [rings|big rings|the biggest rings]|what planet has [rings|bright rings]|"
         "name the planet with rings|the planet with the rings", "Saturn has big rings.", "Saturn"),
        ("[what|which] planet do we live on|on which planet do [we|people] live|what is our planet called"
         "|which planet is our home|name our planet", "We live on Earth.", "Earth"),
        ("[what|which] planet is [closest|nearest] to the sun|name the planet [closest|nearest] to the sun"
         "|what is the [closest|nearest] planet to the sun|what is the first planet from the sun",
         "Mercury is closest to the sun.", "Mercury"),
        ("[what|which] planet is [farthest|furthest] from the sun|what is the [farthest|furthest] planet from the sun"
         "|name the planet [farthest|furthest] from the sun|what is the last planet from the sun",
         "Neptune is farthest from the sun.", "Neptune"),
    ]
    pattern, full, short = rng.choice(facts)
    return QA(ask(rng, phrase(rng, pattern)), full, short)


def _first_last(rng: Rng) -> QA:
    kind, items, place = rng.choice(
        [
            ("month", words.MONTHS, "of the year"),
            ("day", words.DAYS, "of the week"),
        ]
    )
    ordinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]
    if rng.random() < 0.35:
        ordinal, item = "last", items[-1]
    else:
        i = rng.randrange(7)
        ordinal, item = ordinals[i], items[i]
    core = phrase(
        rng,
        "[what is|which is|name|tell me] the {o} {k} {p}|which {k} is the {o} [one |]{p}|the {o} {k} {p}"
        "|which {k} comes {o} {q}|what {k} is {o} {q}|what is the {o} {k}|the {o} {k} {p} is"
        "|what do we call the {o} {k} {p}",
        o=ordinal,
        k=kind,
        p=place,
        q=place.replace("of", "in"),
    )
    return QA(ask(rng, core, phrase(rng, "the {o} {k} {p}", o=ordinal, k=kind, p=place)), f"The {ordinal} {kind} {place} is {item}.", item)


def _category(rng: Rng) -> QA:
    singular, _, items = rng.choice([e for e in words.LISTS if " " not in e[0] and e[0] != "color"])
    item = rng.choice(items)
    core = phrase(
        rng,
        "what is [{a}|{x}]|what kind of thing is {a}|what sort of thing is {a}|{a} is what kind of thing"
        "|tell me what {a} is",
        a=a_or_an(item) if item[0].islower() else item,
        x=item,
    )
    shown = a_or_an(item) if item[0].islower() and item not in ("white", "black") else item
    return QA(ask(rng, core), f"{capitalize(shown)} is {a_or_an(singular)}.", singular)


def make_fact_drill(rng: Rng) -> QA:
    """Several facts of one kind in one turn, each worded as when asked alone."""
    kind = rng.choice(["capital", "capital", "opposite", "opposite", "colour", "sound", "young", "after", "before"])
    table, np, sentence = {
        "capital": (words.CAPITALS, "[the capitals|the capital cities|capitals] of", "The capital of {k} is {v}."),
        "opposite": (words.OPPOSITES, "[the opposites|opposites] of", "The opposite of {k} is {v}."),
        "colour": (words.COLOURS_OF, "[the colours|the colors|colours] of", "{K} is {v}."),
        "sound": ({a_or_an(k): v for k, v in words.SOUNDS.items()}, "[the sounds|sounds] of", "{K} says {v}."),
        "young": (words.YOUNG, "[the young|the names for the young] of", "A young {k} is called {v}."),
        "after": (FOLLOWING, "what comes after", "After {k} comes {v}."),
        "before": ({v: k for k, v in FOLLOWING.items()}, "what comes before", "Before {k} comes {v}."),
    }[kind]
    chosen = rng.sample(list(table.items()), rng.randint(2, 8))
    lead = phrase(rng, "[|tell me |give me |I need |please say |name ]" + np)
    text = f"{capitalize(lead)} " + join_and([k for k, _ in chosen]) + rng.choice(["", ".", "?"])
    lines = []
    for key, value in chosen:
        shown = a_or_an(value) if kind == "young" else value
        lines.append(sentence.replace("{k}", key).replace("{K}", capitalize(key)).replace("{v}", shown))
    return QA(text, "\n".join(lines), ", ".join(value for _, value in chosen))


FOLLOWING = {
    item: items[(i + 1) % len(items)] for items in (words.DAYS, words.MONTHS, words.SEASONS) for i, item in enumerate(items)
}
MAKERS = (
    [_capital] * 7
    + [_capital_of_what] * 3
    + [_capital_unknown] * 2
    + [_opposite] * 5
    + [_order] * 4
    + [_colour_of] * 2
    + [_count] * 3
    + [_animal] * 2
    + [_planet] * 2
    + [_first_last] * 2
    + [_category]
)


def make_fact(rng: Rng) -> QA:
    return rng.choice(MAKERS)(rng)

