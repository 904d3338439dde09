"""Questions it cannot answer: it says so instead of making something up."""

from __future__ import annotations

from . import words
from .qa import QA
from .text import Rng, capitalize, made_up, made_up_name, fragment, phrase

DO_NOT_KNOW = "I do not know that. I am a very small model."


def make_unknown(rng: Rng) -> QA:
    question = phrase(
        rng,
        "[who won the [football |tennis |chess |][match|cup|game|race|world cup] [yesterday|in {year}|last year|last week]"
        "|who [is|was] [the president of|the king of|the queen of|the mayor of|the boss of] {place}"
        "|who [wrote|painted|invented|discovered|composed|founded] [the {word}|{place}|{word}]"
        "|what [is|was|are] [the |][price|weight|speed|history|meaning|size|population|age|temperature] of "
        "[{place}|{word}|a {object}|the {object}|gold|life]"
        "|how [do|can] I [repair|build|install|write|fix|sell|grow] [a |my |the ][{object}|{word}|computer|program|engine|website|roof]"
        "|explain [quantum physics|the {word} theory|how {word} works|{word}|black holes|chemistry|economics|to me what {word} is]"
        "|what [happened|was happening] in [{year}|{place}|{place} in {year}]"
        "|[write|give me] [a program|code|a function|a poem in {language}|an essay about {word}|python code]"
        "|translate [{word}|this text|the word {word}|{object}] [into|to] {language}"
        "|what is the [square root|logarithm|cosine|derivative] of {year}"
        "|what [do you think|is your opinion] [of|on|about] [politics|{place}|religion|{word}|the war]"
        "|[when|where] was [{name}|{place}|the {object}] [born|built|made|founded|lost]"
        "|what [does|did] {name} [do|eat|say|think|want|buy] [today|yesterday|last night|in {year}]"
        "|how far is it from {place} to {place2}|how [tall|old|rich|deep|far] is [{place}|{name}|{word}]"
        "|what is [a |the |]{word}|who is {place}|what [does|is the meaning of] {word}[ mean|]"
        "|what will [happen|be] [tomorrow|next year|in {year}]|will it [rain|snow|be sunny] [tomorrow|today|next week]"
        "|what time is it|what is the date [today|]|what is the weather [like|] [today|in {place}|now|outside]"
        "|what is [the best|a good] [movie|book|restaurant|song|phone|hotel] [in {place}|of {year}|ever|]"
        "|what [news|is the news] [today|from {place}|]|why [is|did|does] {word} [happen|exist|end|work]"
        "|[recommend|suggest] [a |me a ][movie|restaurant|hotel|song|phone]"
        "|what is {year} times {year2}|divide {year} by {year2}|what is the stock price of {place}"
        "|can you [book|order|call|email|buy] [a |me a ][{object}|taxi|flight|doctor|pizza][ for me|]"
        "|who is the [richest|oldest|tallest|fastest|most famous] [person|man|woman|singer|runner]"
        "|[where|when] [is|does] the [next|nearest|last] [bus|train|shop|concert|bank|election]"
        "|[what|which] [is|are|was] my [password|email|phone number|bank account|address|salary|grade|account number|blood type|ticket number]"
        "|who [composed|wrote|painted|sang|directed|built] the [first|second|fifth|tenth|last|old|great|famous] [opera|novel|picture|song|film|bridge|concert|poem]"
        "|why did the [greek|british|spanish|first|old] [king|empire|war|republic|army] [fall|end|lose|begin]"
        "|how [high|tall|long|deep|old|heavy] is [the highest mountain|the longest river|the tower|a whale|the ocean|the moon|mount {place}]"
        "|how does [a|an|the] [engine|computer|radio|rocket|heart|brain|bank|virus|magnet|battery|telephone] work"
        "|[write|make|give] me [a|some] [python|java|web] [program|script|code|page] that [counts words|draws a circle|reads a file|plays chess]"
        "|how do I [repair|mend|fix|clean] a [broken|leaking|noisy|old] [car|sink|dishwasher|bicycle|door|fridge|phone]"
        "|translate [the words|the sentence|this sentence:] [I am happy|my house is big|where is the train|see you soon] [to|into] {language}"
        "|[which|what] [restaurant|hotel|museum|doctor] in {place} is [good|the best|cheap|open]"
        "|[which|what] [chemical|acid|gas|protein|disease|virus] is {word}]",
        year=rng.randint(1200, 2090),
        year2=rng.randint(100, 9999),
        place=made_up_name(rng) if rng.random() < 0.7 else rng.choice(words.CITIES),
        place2=rng.choice(words.CITIES),
        word=made_up(rng, 2, 3),
        name=rng.choice(words.NAMES),
        object=rng.choice(words.OBJECTS),
        language=rng.choice(words.LANGUAGES),
    )
    if rng.random() < 0.1:
        question = made_up(rng) + " " + made_up(rng) + rng.choice([" " + made_up(rng), ""])
    lead = fragment(rng, "[||||tell me, |please tell me |do you know |can you tell me |hey, ]")
    asks = not question.startswith(("explain", "write", "give", "translate", "divide", "recommend", "suggest"))
    return QA(capitalize((lead + question).strip()) + ("?" if asks else "."), DO_NOT_KNOW, "I do not know.")
