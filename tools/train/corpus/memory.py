"""Remembering: facts the user states about themselves, asked for turns later (or never stated)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from . import words
from .frames import framed, shaken
from .qa import QA
from .text import Conversation, Message, Rng, assistant, capitalize, careless, made_up, made_up_name, fragment, phrase, system, user

Filler = Callable[[Rng], QA]


@dataclass(frozen=True)
class Topic:
    """Something people say about themselves: how it is told, confirmed, asked and answered."""

    key: str
    tell: str
    confirm: str
    ask: str
    answer: str
    unknown: str
    fixed: list[str]
    proper: bool


TOPICS = [
    Topic(
        "name",
        "[my name is|I am|I'm|call me|you can call me|the name is|people call me|my friends call me|they call me|"
        "I am called|name's|this is|please call me|it's|my name's|I go by|everyone calls me] {v}",
        "Nice to meet you, {v}!",
        "[what is my name|what's my name|who am I|do you [remember|know] my name|tell me my name|"
        "say my name|what did I say my name [is|was]|my name|can you tell me my name|what am I called|"
        "how am I called|what was my name|do you know who I am|do you remember who I am|"
        "what name did I [give|tell] you|please tell me my name|remind me of my name|which name do I have|"
        "what do people call me|by what name do you know me|repeat my name]",
        "Your name is {v}.",
        "You have not told me your name.",
        words.NAMES,
        True,
    ),
    Topic(
        "city",
        "I [live in|am from|come from|grew up in|was born in|am living in|moved to|stay in|have a house in|"
        "now live in|work and live in] {v}|my [home|city|home town|town] is {v}|I'm from {v}|"
        "I have lived in {v} for years|I am at home in {v}|{v} is [my home|where I live|my city]",
        "{v} sounds like a nice place.",
        "[where do I live|where am I from|what city [do I live in|am I from]|which city do I live in|"
        "what is my city|what is my home town|where is my home|do you [remember|know] where I live|"
        "tell me where I live|which [town|city] am I from|where did I say I live|in [which|what] city do I live|"
        "where do I come from|what did I say about where I live|which place do I come from|"
        "which [town|city] is my home|remind me where I live]",
        "You live in {v}.",
        "You have not told me where you live.",
        words.CITIES,
        True,
    ),
    Topic(
        "colour",
        "[my favourite colour is|my favorite color is|the colour I like best is|I like the colour|I love the color|"
        "the color I love most is|my best colour is|I prefer the colour] {v}|{v} is my favourite colour|{v} is my favorite color",
        "{V} is a nice colour.",
        "[what is my favourite colour|what's my favorite color|which colour do I like|what color do I like [most|best|]|"
        "do you [remember|know] my favourite colour|tell me my favorite color|which colour do I [love|prefer]|"
        "what colour did I say I like|which is my favourite colour|my favourite colour]",
        "Your favourite colour is {v}.",
        "You have not told me your favourite colour.",
        words.COLOURS,
        False,
    ),
    Topic(
        "job",
        "[I am a|I work as a|my job is|I'm a|I have worked for years as a|by trade I am a|I earn my living as a] {v}",
        "Being a {v} sounds interesting.",
        "[what is my job|what do I do|what's my job|what do I work as|do you [remember|know] my job|tell me my job|"
        "which job do I have|what work do I do|what did I say my job is|what is my work|what is my profession|"
        "how do I earn my living|what am I by trade]",
        "You work as a {v}.",
        "You have not told me your job.",
        words.JOBS,
        False,
    ),
    Topic(
        "food",
        "[my favourite food is|my favorite food is|I like to eat|I love eating|the food I like best is|"
        "I love to eat|I could eat every day] {v}|{v} is my favourite food",
        "{V} sounds tasty.",
        "[what is my favourite food|what's my favorite food|what do I like to eat|which food do I like [best|]|"
        "do you [remember|know] my favourite food|tell me my favourite food|what food do I [like|love]|"
        "what do I love to eat|what did I say I like to eat]",
        "Your favourite food is {v}.",
        "You have not told me your favourite food.",
        words.FOODS,
        False,
    ),
    Topic(
        "age",
        "[I am|I'm|I just turned] {v} years old|I am {v}|my age is {v}|I turned {v} [today|last week]|I'm {v} now|at {v} years I am not old",
        "{v} is a good age.",
        "[how old am I|what is my age|what's my age|do you [remember|know] [my age|how old I am]|tell me my age|"
        "which age am I|how many years old am I|what age did I tell you|my age]",
        "You are {v} years old.",
        "You have not told me your age.",
        [],
        False,
    ),
    Topic(
        "pet",
        "[my|I have a] {p} [is called|named|called] {v}|the name of my {p} is {v}|my {p}'s name is {v}|my {p} is {v}",
        "{v} is a nice name for a {p}.",
        "[what is my {p} called|what is the name of my {p}|what's my {p}'s name|how is my {p} called|"
        "do you [remember|know] [my {p}'s name|the name of my {p}]|tell me the name of my {p}|"
        "what is my {p}'s name|which name has my {p}|what did I call my {p}|what is my {p} named]",
        "Your {p} is called {v}.",
        "You have not told me the name of your {p}.",
        words.NAMES,
        True,
    ),
    Topic(
        "relative",
        "my {r} is [called|named] {v}|my {r}'s name is {v}|I have a {r} [called|named] {v}|the name of my {r} is {v}|{v} is my {r}",
        "Say hello to {v} from me.",
        "[what is my {r} called|what is the name of my {r}|what's my {r}'s name|who is my {r}|"
        "do you [remember|know] my {r}'s name|what is my {r}'s name|tell me my {r}'s name|how is my {r} called]",
        "Your {r} is called {v}.",
        "You have not told me the name of your {r}.",
        words.NAMES,
        True,
    ),
    Topic(
        "hobby",
        "[my hobby is|my favourite hobby is|I enjoy|in my free time I like|I spend my evenings|I am fond of|at weekends I love] {v}",
        "{V} is a nice hobby.",
        "[what is my hobby|what's my hobby|what do I enjoy|what do I like to do [in my free time|]|"
        "do you [remember|know] my hobby|tell me my hobby|which hobby do I have|how do I spend my free time|"
        "what did I say my hobby is]",
        "Your hobby is {v}.",
        "You have not told me your hobby.",
        words.HOBBIES,
        False,
    ),
    Topic(
        "secret",
        "[remember the word|the secret word is|the password is|the code word is|keep in mind the word|"
        "remember this word:|please remember the word|the magic word is|note this word:] {v}",
        "I will remember it: {v}.",
        "[what is the [secret |code |magic |]word|what was the [secret |code |magic |]word|which word did I tell you|"
        "tell me the word|repeat the word|what word should you remember|what is the password|"
        "which word did I ask you to remember|do you remember the word|what word did I say|say the word]",
        "The word is {v}.",
        "You have not told me a word.",
        [],
        False,
    ),
    Topic(
        "number",
        "[remember the number|my lucky number is|the code is|the number is|my favourite number is|my number is|"
        "keep the number|please remember the number|note this number:|my room number is] {v}",
        "I will remember it: {v}.",
        "[what is the number|what is my lucky number|what was the number|which number did I tell you|what is the code|"
        "what is my number|what's my favourite number|tell me the number|repeat the number|do you remember the number|"
        "what number did I say|which number should you remember|what is my room number]",
        "The number is {v}.",
        "You have not told me a number.",
        [],
        False,
    ),
]

NOUN_PHRASES = {
    "name": "[my name|my own name|the name I gave you|the name I told you]",
    "city": "[my city|the city I live in|the place where I live|my home town|the town I am from]",
    "colour": "[my favourite colour|the colour I like|my favorite color|the colour I love]",
    "job": "[my job|my work|my profession|the job I have]",
    "food": "[my favourite food|the food I like|the food I love]",
    "age": "[my age|the age I told you]",
    "pet": "[the name of my {p}|my {p}'s name]",
    "relative": "[the name of my {r}|my {r}'s name]",
    "hobby": "[my hobby|the hobby I have|my favourite hobby]",
    "secret": "[the secret word|the word|the word I told you|the code word|the password]",
    "number": "[my number|the number|the number I told you|the code|my lucky number]",
}
RELATIVES = "brother sister mother father son daughter friend cousin uncle aunt wife husband boss teacher neighbour".split()


def _value(rng: Rng, topic: Topic) -> str:
    if topic.key == "age":
        return str(rng.randint(5, 95))
    if topic.key == "number":
        return str(rng.choice([rng.randint(1, 99), rng.randint(100, 999), rng.randint(1000, 9999)]))
    if topic.key == "secret":
        return rng.choice(words.OBJECTS + words.PETS) if rng.random() < 0.4 else made_up(rng, 1, 3)
    if topic.proper:
        return rng.choice(topic.fixed) if rng.random() < 0.35 else made_up_name(rng)
    if topic.key == "colour" or rng.random() < 0.75:
        return rng.choice(topic.fixed)
    return made_up(rng, 2, 3)


@dataclass
class Told:
    """A topic with the value this user gave it."""

    topic: Topic
    value: str
    other: str

    def fill(self, rng: Rng, pattern: str) -> str:
        text = phrase(rng, pattern, v=self.value, V=capitalize(self.value), p=self.other, r=self.other)
        return text


def tell(rng: Rng, topic: Topic) -> Told:
    other = rng.choice(words.PETS) if topic.key == "pet" else rng.choice(RELATIVES)
    value = _value(rng, topic)
    return Told(topic, value.lower() if rng.random() < 0.08 else value, other)


def statement(rng: Rng, told: Told) -> str:
    text = told.fill(rng, told.topic.tell)
    lead = fragment(rng, "[|||||hi, |hello, |hey, |hello! |by the way, |you know, |so, |well, |just so you know, |okay, |I should say that ]")
    tail = fragment(rng, "[|||||, nice to meet you| and I like to talk|, remember that|, please remember it|. How are you]")
    if tail.startswith(". How"):
        return capitalize(lead + text) + tail + "?"
    return capitalize(lead + text) + tail + rng.choice([".", ".", ".", "!"])


def question(rng: Rng, told: Told) -> str:
    lead = fragment(rng, "[||||||so, |now, |tell me, |okay, |by the way, |quick question: |and |can you tell me: |please tell me, |I forgot, ]")
    text = told.fill(rng, told.topic.ask)
    if rng.random() < 0.35:
        lead, text = "", framed(rng, told.fill(rng, NOUN_PHRASES[told.topic.key]))
    text = shaken(rng, text)
    tail = fragment(rng, "[|||||| again|, please| now]")
    return capitalize(lead + text + tail) + "?"


def make_memory(rng: Rng, filler: Filler) -> Conversation:
    topics = rng.sample(TOPICS, rng.choice([1, 1, 1, 2, 2, 3]))
    told = [tell(rng, topic) for topic in topics]
    roll = rng.random()
    if roll < 0.18:
        return _single_turn(rng, told)
    if roll < 0.23 and told[0].topic.key in IN_SYSTEM:
        return _told_in_system(rng, told[0], filler)
    if roll < 0.29:
        return _never_told(rng, told, filler)
    messages: list[Message] = []
    if len(told) > 1 and rng.random() < 0.5:
        text = " ".join(capitalize(item.fill(rng, item.topic.tell)) + "." for item in told)
        last = told[0]
        messages += [user(careless(rng, text, lower=False)), assistant(last.fill(rng, last.topic.confirm))]
    else:
        for item in told:
            messages += [
                user(careless(rng, statement(rng, item), lower=False)),
                assistant(item.fill(rng, item.topic.confirm)),
            ]
            if rng.random() < 0.25:
                messages += _aside(rng, filler)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        messages += _aside(rng, filler)
    if rng.random() < 0.1:
        item = told[0]
        told[0] = item = Told(item.topic, _value(rng, item.topic), item.other)
        text = phrase(rng, "[sorry, |actually, |no, |I was wrong, |correction: |wait, ]") + item.fill(rng, item.topic.tell) + "."
        messages += [user(capitalize(text)), assistant(item.fill(rng, item.topic.confirm))]
    rng.shuffle(told)
    for item in told[: rng.choice([1, 2, 3])]:
        messages += [user(careless(rng, question(rng, item))), assistant(item.fill(rng, item.topic.answer))]
        if rng.random() < 0.15:
            messages += _aside(rng, filler)
    return Conversation("memory", messages)


def _aside(rng: Rng, filler: Filler) -> list[Message]:
    qa = filler(rng)
    return [user(careless(rng, qa.question)), assistant(qa.full)]


def _single_turn(rng: Rng, told: list[Told]) -> Conversation:
    text = " ".join(capitalize(item.fill(rng, item.topic.tell)) + "." for item in told)
    item = rng.choice(told)
    text += " " + question(rng, item)
    return Conversation("memory", [user(careless(rng, text, lower=False)), assistant(item.fill(rng, item.topic.answer))])


IN_SYSTEM = {
    "name": "[The user's name is|You are talking to|The user is called|The name of the user is|You serve|The user is] {v}.",
    "city": "[The user lives in|The user is from|The user's city is] {v}.",
    "age": "[The user is|The user's age is] {v}[| years old].",
    "job": "[The user is a|The user works as a|The user's job is] {v}.",
}


def _told_in_system(rng: Rng, told: Told, filler: Filler) -> Conversation:
    lead = fragment(rng, "[|||You are a helpful assistant. |Be polite. |Answer questions. ]")
    messages = [system(lead + told.fill(rng, IN_SYSTEM[told.topic.key]))]
    if rng.random() < 0.4:
        messages += _aside(rng, filler)
    messages += [user(careless(rng, question(rng, told))), assistant(told.fill(rng, told.topic.answer))]
    return Conversation("memory", messages)


def _never_told(rng: Rng, told: list[Told], filler: Filler) -> Conversation:
    missing, rest = told[0], told[1:]
    messages: list[Message] = []
    for item in rest:
        messages += [user(careless(rng, statement(rng, item), lower=False)), assistant(item.fill(rng, item.topic.confirm))]
    if rng.random() < 0.5:
        messages += _aside(rng, filler)
    messages += [user(careless(rng, question(rng, missing))), assistant(missing.fill(rng, missing.topic.unknown))]
    return Conversation("memory", messages)
