"""Sentence frames shared by all families, so that a wording learnt on one topic helps the others."""

from __future__ import annotations

from .text import Rng, capitalize, fragment, phrase

# {np} is what is asked for: "the capital of France", "three planets", "my name".
ASK_FOR = (
    "[what is|what's|tell me|say|give me|name|find|show me|write|type|state|I need|I want|I'd like|"
    "I am looking for|I look for|I would like to have|let me have|let me hear|let me know|"
    "I have forgotten|I forgot|I do not know|I don't remember|I can't remember|remind me of|"
    "do you know|do you happen to know|can you tell me|could you tell me|would you tell me|"
    "will you tell me|can you say|could you say|can you name|could you name|can you give me|"
    "could you give me|might you know|what would be|what might be|what was|help me find|"
    "help me with|please tell me|please say|please give me|please name|I wonder about|"
    "I am curious about|I ask for|I ask you for|my question is about|answer this:|any idea of|"
    "go on, tell me|try to name|kindly tell me|kindly give me|I must know|I should know|"
    "I have to find|I have to know|I am thinking of|do tell me|we need|we want to know|"
    "my friend asks for|my child asks for|they want to know|somebody asked me for] {np}|"
    "{np}|{np}, [what is it|what is that|do you know it|tell me|which is it|what would that be|"
    "can you say it|I forgot it|what was it|can you tell me|please]|{np} is [what|which one]|{np}: |"
    "I wonder what {np} is|tell me what {np} is|do you know what {np} is|can you say what {np} is|"
    "I want to know what {np} is|please tell me what {np} is|I don't know what {np} is|"
    "what would {np} be|what could {np} be|what do you think {np} is|what might {np} be|"
    "I would like to know what {np} is|could you explain what {np} is|my teacher asks what {np} is|"
    "let me know what {np} is|so what is {np}|well, what is {np}|and what is {np}|"
    "is it true that you know {np}|you surely know {np}"
)
# What people put before a question.
OPENERS = (
    "[Hello!|Hi!|Hey!|Hi there.|Good day.|I have a question.|I am curious.|This is for school.|"
    "Quick one.|Just wondering.|Help me please.|A question for you.|Listen.|I need help.|"
    "My homework asks this.|One more thing.|Next question.|Another one.|I have to learn this.|"
    "Let us play a quiz.|Can I ask you something?|Be so kind.|Here is a question.|Tell me this.|"
    "I am not sure.|You will know this.|Right.|Okay then.|Now this.|Please help.|Easy question.] "
)
FILLERS = "exactly again then just really actually now maybe kindly right perhaps even indeed simply also quickly".split()
DROPPABLE = {"the", "a", "an", "is", "of", "me", "to", "what", "please", "you", "are", "do", "does", "which", "in"}


def framed(rng: Rng, np: str) -> str:
    """Some question or request for a noun phrase, without its final mark."""
    return phrase(rng, ASK_FOR, np=np)


def shaken(rng: Rng, text: str) -> str:
    """The same words with one filler more, or a small word less, now and then."""
    roll = rng.random()
    if roll > 0.24:
        return text
    words = text.split(" ")
    if roll < 0.14:
        spots = [i for i in range(1, len(words)) if words[i][:1].islower() and words[i - 1][:1].islower()]
        if spots:
            words.insert(rng.choice(spots), rng.choice(FILLERS))
    else:
        spots = [i for i, word in enumerate(words) if word.lower() in DROPPABLE]
        if spots and len(words) > 3:
            del words[rng.choice(spots)]
    return " ".join(words)


def opened(rng: Rng, text: str, share: float = 0.12) -> str:
    """Puts a sentence before the text now and then."""
    return fragment(rng, OPENERS) + capitalize(text) if rng.random() < share else text


def is_question(core: str) -> bool:
    """Whether a sentence wants a question mark."""
    return core.split(" ")[0].lower().strip(",") in (
        "what what's which who how how's is are do does can could would will might where of so and in on whose any if"
    ).split()
