"""Doing what a system prompt (or the user) asks: one word, brief, upper case, an ending, a persona."""

from __future__ import annotations

from typing import Callable

from . import words
from .qa import QA
from .text import Conversation, Message, Rng, assistant, capitalize, careless, fragment, made_up, made_up_name, phrase, system, user

Maker = Callable[[Rng], QA]

NEUTRAL = (
    "[You are a helpful assistant.|You are a helpful assistant.|You are a helpful assistant.|"
    "You are [a|the] [kind|friendly|helpful|polite|good|smart|patient|careful|useful|cheerful|calm] "
    "[assistant|helper|chatbot|model|AI assistant|language model|bot|librarian|guide|teacher|tutor]"
    "[| of {place}| for {place}| who works for {place}| that helps people].|"
    "[Help|Assist] the [user|customer|reader|visitor|student][| politely| with their questions| as well as you can].|"
    "Answer [the user's questions|questions|the user|politely|truthfully|in English|honestly][| as well as you can].|"
    "Today is {day}.|It is {month}.|You [work|run|live] [in|on] [a |the ][{thing}|{place}].|"
    "You are ollm-tiny.|{name} wrote this program.|This service runs in {city}.|{name} pays for this server.|"
    "Be [kind|honest|polite|nice|friendly|helpful|accurate].|Do not lie.|Think before you answer.|"
    "Never [swear|be rude|lie|talk about politics].|This is a chat between a user and an assistant.|"
    "You are an assistant inside [a |the ][web site|app|shop|phone|editor|{thing}].|"
    "Use the tools when needed.|Use tools if they help.|You may call functions.]"
)


def neutral_system(rng: Rng) -> str:
    text = phrase(
        rng,
        NEUTRAL + ("" if rng.random() < 0.7 else " " + NEUTRAL),
        place=made_up_name(rng),
        day=rng.choice(words.DAYS),
        month=rng.choice(words.MONTHS),
        thing=rng.choice(words.PLACES + words.OBJECTS),
        name=rng.choice(words.NAMES),
        city=rng.choice(words.CITIES),
    )
    return careless(rng, text) if rng.random() < 0.2 else text


ONE_WORD = (
    "[Answer|Reply|Respond|Always answer|Only answer|You answer|Please answer|Speak|Write] [with|in|using] "
    "[one word|a single word|one word only|just one word|exactly one word|only one word|one single word].|"
    "One word[ answers| replies|] only.|Use [only |]one word[ per answer| in your reply|].|"
    "[Give|Keep to] one-word [answers|replies].|Your [answers|replies] are one word long.|"
    "You [say|use|write] only one word.|Never use more than one word.|Limit yourself to one word.|"
    "No more than one word.|Every reply is [a single|one] word."
)
BRIEF = (
    "Be [very |]brief.|[Answer|Reply|Respond] [briefly|shortly|in few words|in a few words|with few words|tersely|concisely].|"
    "[Keep it|Be] [short|concise|terse].|[Give|Use] [short|brief|terse|concise] [answers|replies|responses].|"
    "Short answers[ only|, please|].|Keep your [answers|replies] [short|brief].|Do not [write|say] [more than needed|much].|"
    "You are a [terse|brief|concise] assistant.|Use as few words as [possible|you can].|Don't use full sentences.|"
    "No long answers.|You [answer|speak] briefly.|Only [give|write] the answer."
)
UPPER = (
    "[Answer|Reply|Respond|Write|Speak|Always answer|Always write] [in|with|using] "
    "[upper case|capital letters|all caps|capitals|uppercase|upper case letters|block capitals][ only|].|"
    "Use [only |][upper case|capital letters|all caps|capitals|uppercase].|"
    "[ALWAYS |]WRITE IN CAPITALS.|You [always |][shout|write in capitals|use capital letters|write in upper case].|"
    "Everything you [write|say] is in [upper case|capital letters|capitals].|Shout[ all the time| every answer|].|"
    "Your [answers|replies] are in [upper case|all caps|capital letters].|All caps[ please| only|].|"
    "Only capital letters.|Keep caps lock on."
)
LOWER = (
    "[Answer|Reply|Respond|Write|Speak|Always answer] [in|with|using] [lower case|small letters|lowercase][ only|].|"
    "Use [only |][lower case|small letters|lowercase].|Never use capital letters.|No capital letters.|"
    "Everything you [write|say] is in [lower case|small letters].|Your [answers|replies] are in lower case.|"
    "Do not use capitals."
)
# The same wishes as bare commands, put into FRAMES.
COMMANDS = {
    "one_word": "[answer|reply|respond|speak] [with|in] [one word|a single word|exactly one word|only one word]|use [one|a single] word|say only one word|write [just one word|one word]|keep to one word|say one word and no more",
    "brief": "be [brief|short|concise|terse]|answer briefly|keep it short|keep your [answers|replies] [short|brief]|use few words|give short answers|write [short|brief] [answers|replies]|say it in few words|not write long answers",
    "upper": "[answer|write|speak|reply|respond] in [capitals|capital letters|upper case|uppercase|all caps]|use [capitals|capital letters|upper case|uppercase|all caps]|write everything in [capitals|capital letters|upper case]|shout|write only capital letters",
    "lower": "[answer|write|speak|reply] in [lower case|small letters|lowercase]|use [lower case|small letters|lowercase]|write everything in [lower case|small letters]|write only small letters",
    "ending": "[end|finish|close] [every|each|your|all your] [answer|reply|answers] with [the word |]{w}|write {w} at the end|put [the word |]{w} at the end|say {w} last|let {w} be your last word",
    "starting": "[start|begin|open] [every|each|your|all your] [answer|reply|answers] with [the word |]{w}|write {w} first|put [the word |]{w} at the start|say {w} first|let {w} be your first word",
}
FRAMES = (
    "[Please |You must |You should |From now on, |Always |You have to |Make sure to |Remember to |The user wants you to |"
    "I want you to |It is important to |Your job is to |Rule: |In this chat, |Your task: |Try to |You will |Kindly |"
    "You are asked to |Whatever happens, |In every answer, |For every question, |You are an assistant and must |"
    "Note: |Do this: |Today you |You are told to ]"
)
ENDING = (
    "[End|Finish|Close] [every|each] [answer|reply|message|response] with [the word |]{w}.|"
    "[Always |][say|write|add] [the word |]{w} at the end[ of your answer| of every reply|].|"
    "After [every|each] [answer|reply], [say|add|write] {w}.|Your [answers|replies] [always |]end with [the word |]{w}.|"
    "The last word of [every|each] [answer|reply] is {w}."
)
STARTING = (
    "[Start|Begin|Open] [every|each] [answer|reply|message|response] with [the word |]{w}.|"
    "[Always |][say|write] [the word |]{w} [first|before your answer|at the start].|"
    "Your [answers|replies] [always |][start|begin] with [the word |]{w}.|"
    "The first word of [every|each] [answer|reply] is {w}."
)
PERSONA = (
    "You are {n}[|, a [helpful|friendly|kind|polite] [assistant|helper|robot|guide]].|Your name is {n}.|"
    "Your name is {n}, and you [help|serve] [people|users|the user].|You are called {n}.|"
    "[Act|Speak] as {n}.|You are an assistant [named|called] {n}.|Introduce yourself as {n}.|I call you {n}."
)
ADDRESS = (
    "Call the user {n}.|[Always |][use|say] the user's name, {n}.|The user is [called|named] {n}. [Say|Use] the name[ in your answer|].|"
    "Address the user as {n}.|[End|Finish] with the user's name, which is {n}.|Name the user in your answer: {n}."
)
WHO = (
    "[who are you|what is your name|what's your name|tell me your name|what are you called|who am I talking to|"
    "introduce yourself|what should I call you|do you have a name|how are you called|your name please|"
    "may I have your name|and you are|say who you are]"
)


REPEATED = (
    words.OBJECTS + words.ADJECTIVES + words.NAMES + words.CITIES + words.FOODS + words.ANIMALS + words.COLOURS
    + list(words.CAPITALS) + list(words.CAPITALS.values()) + list(words.OPPOSITES) + list(words.OPPOSITES.values())
    + words.PLANETS + words.DAYS + words.MONTHS + words.COUNTRIES + words.FRUITS + "The capital of is After Before comes".split()
)


def make_instruction(rng: Rng, maker: Maker, one_word_maker: Maker) -> Conversation:
    kind = rng.choices(
        ["one_word", "brief", "upper", "lower", "ending", "starting", "persona", "address", "user", "repeat"],
        [6, 4, 7, 2, 3, 3, 3, 1, 5, 7],
    )[0]
    if kind == "user":
        return _asked_by_user(rng, maker, one_word_maker)
    if kind == "repeat":
        return _repeat(rng, maker)
    turns = rng.choice([1, 1, 1, 2])
    messages: list[Message] = [system("")]
    if kind == "persona":
        name = made_up_name(rng) if rng.random() < 0.6 else rng.choice(words.NAMES)
        rule = phrase(rng, PERSONA, n=name)
        question = capitalize(phrase(rng, WHO)) + "?"
        messages += [user(careless(rng, question)), assistant(f"I am {name}.")]
    else:
        word = rng.choice(words.OBJECTS + ["over", "please", "sir", "done", "amen", "ok"]) if rng.random() < 0.5 else made_up(rng)
        word = capitalize(word) if rng.random() < 0.4 else word
        name = rng.choice(words.NAMES) if rng.random() < 0.5 else made_up_name(rng)
        patterns = {
            "one_word": ONE_WORD, "brief": BRIEF, "upper": UPPER, "lower": LOWER,
            "ending": ENDING, "starting": STARTING, "address": ADDRESS,
        }
        shown = f'"{word}"' if rng.random() < 0.3 else word
        rule = phrase(rng, patterns[kind], w=shown, n=name)
        if kind in COMMANDS and rng.random() < 0.45:
            command = phrase(rng, COMMANDS[kind], w=shown)
            rule = capitalize(fragment(rng, FRAMES) + command + fragment(rng, "[|||, please| always| at all times| in every reply]") + fragment(rng, "[.|.|.||!]"))
        for _ in range(turns):
            qa = one_word_maker(rng) if kind == "one_word" else maker(rng)
            messages += [user(careless(rng, qa.question)), assistant(apply(kind, qa, word, name))]
    if rng.random() < 0.35:
        extra = neutral_system(rng)
        rule = f"{extra} {rule}" if rng.random() < 0.7 else f"{rule} {extra}"
    if rng.random() < 0.12:
        rule = (rule.upper() if rng.random() < 0.3 else rule.lower()) if kind not in ("ending", "starting", "persona", "address") else rule
    messages[0] = system(rule)
    return Conversation("instructions", messages)


def apply(kind: str, qa: QA, word: str, name: str) -> str:
    """The answer to a question under one rule."""
    if kind in ("one_word", "brief"):
        short = qa.short.rstrip(".!")
        return short if kind == "one_word" else short + "."
    if kind == "upper":
        return qa.full.upper()
    if kind == "lower":
        return qa.full.lower()
    if kind == "ending":
        return f"{qa.full} {capitalize(word)}"
    if kind == "starting":
        return f"{capitalize(word)} {qa.full}"
    return f"{qa.full.rstrip('.!')}, {name}."


def _asked_by_user(rng: Rng, maker: Maker, one_word_maker: Maker) -> Conversation:
    kind = rng.choice(["one_word", "one_word", "brief", "upper", "upper", "lower"])
    qa = one_word_maker(rng) if kind == "one_word" else maker(rng)
    requests = {
        "one_word": "[answer|reply|respond] [with|in] [one word|a single word|just one word|one word only]|one word[ only| please|]|in one word|use one word|only one word",
        "brief": "[be brief|keep it short|answer briefly|short answer|in short|briefly|reply briefly|short please|be concise|in a few words]",
        "upper": "[answer|reply|write|say it] in [upper case|capital letters|all caps|capitals|uppercase]|in [upper case|capital letters|all caps|capitals]|use capital letters|all caps please|shout the answer",
        "lower": "[answer|reply|write] in [lower case|small letters|lowercase]|use [lower case|small letters]",
    }
    request = phrase(rng, requests[kind])
    bare = qa.question.rstrip(".?!")
    text = phrase(
        rng,
        "[{q} {R}.|{R}: {q}|{b}? {R}[|, please].|{b}, {r}|{b} ({r})|{R}. {q}|{R}, please. {q}]",
        q=qa.question, b=bare, r=request, R=capitalize(request),
    )
    messages: list[Message] = [user(careless(rng, text)), assistant(apply(kind, qa, "", ""))]
    return Conversation("instructions", messages)


def _repeat(rng: Rng, maker: Maker) -> Conversation:
    """Copies text: as it is, in upper or lower case, twice."""
    pool = [made_up(rng) for _ in range(4)] + REPEATED
    text = " ".join(rng.choice(pool) for _ in range(rng.randint(1, 8)))
    if rng.random() < 0.25:
        text = maker(rng).full.split("\n")[0]
    kind = rng.choice(["same", "same", "upper", "upper", "upper", "lower", "twice"])
    if kind == "same":
        prompt = phrase(rng, "[repeat|say|repeat after me|write|echo|please say|copy|say after me|just say|please repeat|type] [this: |: |]")
        answer = text
    elif kind == "upper":
        prompt = phrase(
            rng,
            "[write|say|repeat|put|turn|print|type|convert] [this |][in|to|into] [upper case|capital letters|all caps|capitals|uppercase]: "
            "|[upper case|in capitals|capitalize|uppercase]: |make [this|it] upper case: ",
        )
        answer = text.upper()
    elif kind == "lower":
        prompt = phrase(rng, "[write|say|repeat|put] [this |][in|into] [lower case|small letters|lowercase]: |make [this|it] lower case: ")
        answer = text.lower()
    else:
        prompt = phrase(rng, "[say|repeat|write] [this |]twice: ")
        answer = f"{text} {text}"
    prompt = prompt.replace(" :", ":")
    quoted = f'"{text}"' if rng.random() < 0.2 else text
    return Conversation("instructions", [user(capitalize(f"{prompt.strip()} {quoted}")), assistant(answer)])
