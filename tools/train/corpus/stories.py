"""Short stories about whatever is asked for."""

from __future__ import annotations

from . import words
from .frames import framed, is_question, opened, shaken
from .text import Conversation, Rng, a_or_an, assistant, capitalize, careless, made_up, made_up_name, phrase, user

HEROES = words.ANIMALS + words.PETS + words.BIRDS + words.JOBS + (
    "boy girl king queen dragon robot witch prince princess giant ghost knight pirate fairy snowman train cloud star tree "
    "river moon dinosaur bee frog whale dolphin hedgehog squirrel spider snail butterfly ant crab donkey chicken"
).split() + words.OBJECTS

ASK = (
    "[tell|write|give|make up|read|please tell|please write|can you tell|could you tell|would you tell|can you write] "
    "[me |us |][a|a short|a little|another|a small|one|a nice|a brief|a bedtime] [story|tale] [about|of|with|on|featuring] {h}|"
    "[a|a short|one] [story|tale] [about|of|with] {h}|I [want|would like|need|want to hear] [a|a short] [story|tale] about {h}|"
    "story about {h}|[a|the] story of {h}|[let me|I'd love to] hear [a|a short] story about {h}|"
    "[do you know|have you got] a [story|tale] [about|with] {h}|{h}: tell a story|invent [a|a short] [story|tale] about {h}|"
    "my [son|daughter|child] wants [a|a short] story about {h}"
)
ASK_ANY = (
    "[tell|write|give|make up|please tell|can you tell|could you write] [me |us |][a|a short|a little|another|a bedtime] [story|tale]|"
    "[a|a short|one] [story|tale] please|I want [a|a short] story|tell [me |]a [good |nice |]story|story time|"
    "do you know a [story|tale]"
)


def make_story(rng: Rng) -> Conversation:
    roll = rng.random()
    named = None
    hero = made_up(rng, 2, 3) if rng.random() < 0.12 else rng.choice(HEROES)
    adjective = rng.choice(words.ADJECTIVES)
    if roll < 0.15:
        prompt = phrase(rng, ASK_ANY)
        hero = rng.choice(["fox", "dog", "cat", "robot"])
    elif roll < 0.35:
        named = made_up_name(rng) if rng.random() < 0.5 else rng.choice(words.NAMES)
        link = rng.choice(["called", "named"])
        prompt = phrase(rng, ASK, h=f"{a_or_an(hero)} {link} {named}")
    elif roll < 0.45:
        named = made_up_name(rng) if rng.random() < 0.5 else rng.choice(words.NAMES)
        hero = "child"
        prompt = phrase(rng, ASK, h=named)
    elif roll < 0.65:
        prompt = phrase(rng, ASK, h=a_or_an(f"{adjective} {hero}"))
    else:
        prompt = phrase(rng, ASK, h=a_or_an(hero))
    if "story" in prompt and rng.random() < 0.2 and " about " in prompt:
        prompt = framed(rng, phrase(rng, "[a|a short|the|one|a nice|some] [story|tale|little story] about ") + " " + prompt.split(" about ")[1])
    asks = is_question(prompt)
    question = capitalize(prompt) + ("?" if asks else ".")
    return Conversation("stories", [user(careless(rng, opened(rng, shaken(rng, question)), lower=named is None)), assistant(story(rng, hero, adjective, named))])


def story(rng: Rng, hero: str, adjective: str, named: str | None) -> str:
    """Six to eight sentences: who and where, a wish, a trouble, a friend, an end."""
    hero_called = f"{adjective} {hero}"
    name = named or rng.choice(words.NAMES)
    place = rng.choice(words.PLACES)
    thing = rng.choice(words.OBJECTS)
    friend = rng.choice(words.ANIMALS)
    opening = phrase(
        rng,
        "[Once upon a time|Long ago|One day], there was {a} [named|called] {n} who lived [in|near] a {p}.",
        a=a_or_an(hero_called), n=name, p=place,
    )
    wish = phrase(
        rng,
        "[{n} wanted to find|Every day {n} looked for|{n} dreamed of] a {t}.|{n} had a {t} and loved it very much.",
        n=name, t=thing,
    )
    trouble = phrase(
        rng,
        "One [morning|day|night], [the {t} was gone|a storm came|{n} got lost|the wind took the {t} away].",
        n=name, t=thing,
    )
    feeling = phrase(rng, "{n} was [sad|afraid|worried], but did not give up.", n=name)
    meeting = phrase(rng, "Then {n} met a {x} {f}, and the {f} said, \"[I can help you|Come with me|Do not cry].\"", n=name, f=friend, x=rng.choice(["kind", "clever", "brave", "funny"]))
    solving = phrase(rng, "Together they [looked everywhere|walked all day|asked everyone] and [at last |]found the {t} [under a tree|behind a stone|by the water|on a hill].", t=thing)
    end = phrase(rng, "{n} was happy, and the {h} and the {f} [were friends ever after|stayed friends|went home together].", n=name, f=friend, h=hero)
    return " ".join([opening, wish, trouble, feeling, meeting, solving, end])
