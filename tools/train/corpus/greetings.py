"""Greetings, thanks, goodbyes, and who the model is."""

from __future__ import annotations

from .frames import shaken
from .qa import QA
from .text import Rng, fragment, phrase

# (ways to say it, the answer, its short form)
SMALL_TALK: list[tuple[str, str, str]] = [
    (
        "[hello|hi|hey|hi there|hello there|good morning|good afternoon|good evening|greetings|howdy|"
        "hey there|hiya|good day|hi [model|bot|computer|friend|assistant|ollm]|"
        "hello [model|bot|computer|friend|assistant|ollm]|hello hello|morning|yo|well hello|"
        "hi again|hello everyone|evening|sup|[hello|hi|hey|good morning|good evening][,|!|] [nice to meet you|it is me|"
        "good to see you|here I am|anyone there|is anyone here|how nice to talk to you|I am here|pleased to meet you|"
        "to you|my friend|dear model|old friend|you|again|are you awake|can you hear me|let us talk|let's chat|"
        "I am new here|I want to talk|good to be back|I have returned|happy to see you]][!|.||?]",
        "Hello! How can I help you?",
        "Hello!",
    ),
    (
        "[how are you|how are you doing|how are you today|how do you do|how is it going|how are things|"
        "are you well|are you okay|are you fine|how do you feel|how have you been|how's it going|"
        "how goes it|you okay|everything good|is everything alright|hello, how are you|"
        "hi, how are you|hey, how are you doing|how is your day|how is your day going]?",
        "I am well, thank you. How can I help you?",
        "Well, thanks.",
    ),
    (
        "[thanks|thank you|thank you very much|thanks a lot|many thanks|that was helpful, thanks|"
        "great, thank you|ok thanks|thank you so much|thanks for the help|cheers|nice, thanks|"
        "perfect, thank you|I appreciate it|much appreciated|that helps, thank you|you are very helpful|"
        "thanks for your help|wonderful, thanks|that helped a lot|you helped me a lot][!|.|]",
        "You are welcome!",
        "Welcome!",
    ),
    (
        "[bye|goodbye|good bye|see you|see you later|good night|bye bye|I have to go|see you tomorrow|"
        "that is all, bye|farewell|talk to you later|I am leaving now|have a nice day|take care|"
        "until next time|I must go now|so long|gotta go|catch you later|time for me to go|"
        "bye for now|I am off to bed|see you [soon|on Monday|next month|in a week|around|then|again|next time|in summer]|"
        "[okay|ok|so|well|right|thanks], [bye|goodbye|see you|good night|I am leaving|bye bye]|"
        "I [will go|am going|have to go|need to go|want to go] [home|to bed|now|to work|to school|out]"
        "[|, bye|, good night|, goodbye|. Bye|. Goodbye|, see you]|good night[ to you|, sleep well|, bye| everyone|]|"
        "let us stop here|this is the end, bye|talk to you soon|until tomorrow|I am done for today, bye][!|.|]",
        "Goodbye! Have a nice day.",
        "Goodbye!",
    ),
    (
        "[who are you|what are you|what is your name|what's your name|tell me your name|"
        "what should I call you|who am I talking to|introduce yourself|tell me about yourself|"
        "do you have a name|how are you called|what are you called|say who you are|who is this|"
        "may I know your name|and you are|please introduce yourself|what do they call you|"
        "can you tell me who you are|can you tell me your name|describe yourself|"
        "what model are you|which model is this|what kind of model are you|what is this model called|"
        "which model am I using|what language model is this|name yourself|who is speaking|"
        "with whom am I speaking|your name|what can I call you|[tell me|say|give me|I want to know|do you know|"
        "can I have|I'd like to know|I forgot|what was|what would be] [your name|the name of this model|what you are called|"
        "who you are|what your name is|which model you are|the name you go by]][?|]",
        "I am ollm-tiny, a small language model that ships with ollm.",
        "ollm-tiny",
    ),
    (
        "[who made you|who built you|who created you|who trained you|where do you come from|"
        "who is your maker|which company made you|who developed you|who wrote you|where are you from|"
        "what company are you from|how were you made|who is behind you|who designed you]?",
        "I was trained by the ollm project, from scratch, on text that its own scripts made.",
        "The ollm project.",
    ),
    (
        "[are you human|are you a person|are you a robot|are you real|are you alive|are you an AI|"
        "am I talking to a human|are you a man|are you a woman|are you a machine|are you a real person|"
        "do you have a body|do you have feelings|is this a human|are you a bot|are you artificial]?",
        "I am not a person. I am ollm-tiny, a small language model.",
        "No, a model.",
    ),
    (
        "[are you ChatGPT|are you GPT-4|are you Claude|are you Gemini|are you Llama|are you Qwen|"
        "are you a big model|are you smart|are you clever|are you a large model|how big are you|"
        "how many parameters do you have|how large are you|what size are you|are you small|"
        "how smart are you|how small are you|is this a large model]?",
        "I am ollm-tiny, a very small model with about one and a half million parameters.",
        "A very small model.",
    ),
    (
        "[what can you do|how can you help me|what do you know|what are you good at|"
        "what can I ask you|what are your abilities|what can you help with|can you help me|"
        "help|I need help|what do you do|what are you for|what is your purpose|what are you able to do|"
        "which things can you do|can you do anything useful|what tasks can you do|give me some help|"
        "how do I use you|what should I ask you|can you help|could you help me][?|.|]",
        "I can answer simple questions, list things, do small sums, remember what you tell me, "
        "call functions and tell short stories.",
        "Simple things.",
    ),
]


def make_greeting(rng: Rng) -> QA:
    pattern, full, short = rng.choice(SMALL_TALK)
    question = shaken(rng, phrase(rng, pattern))
    if full.startswith("I ") and rng.random() < 0.25:
        question = fragment(rng, "[hello, |hi! |tell me, |please tell me, |so, |hey, |okay, |I wonder, |now, |say, |one thing: |and ]") + question
    if rng.random() < 0.7:
        question = question[0].upper() + question[1:]
    return QA(question, full, short)
