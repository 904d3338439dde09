"""Functions a client may offer: names, descriptions, parameters, and how people ask for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from . import words
from .text import Rng, made_up, made_up_name, phrase

Value = Callable[[Rng], Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter: `keys` are the names it may have, `value` draws what the user says."""

    slot: str
    keys: str
    kind: str
    value: Value
    about: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skill:
    """A kind of function. `ask` patterns use the slots of its parameters."""

    names: str
    about: str
    parameters: tuple[Parameter, ...]
    ask: str
    result: tuple[tuple[str, Value], ...] = field(default=())


def city(rng: Rng) -> str:
    return rng.choice(words.CITIES) if rng.random() < 0.4 else made_up_name(rng)


def person(rng: Rng) -> str:
    return rng.choice(words.NAMES) if rng.random() < 0.4 else made_up_name(rng)


def word(rng: Rng) -> str:
    return rng.choice(words.OBJECTS + words.FOODS + words.ANIMALS) if rng.random() < 0.6 else made_up(rng)


def number(low: int, high: int) -> Value:
    return lambda rng: rng.randint(low, high)


def one_of(*options: Any) -> Value:
    return lambda rng: rng.choice(options)


def topic(rng: Rng) -> str:
    return phrase(
        rng,
        "[{w}|{a} {w}|{w} and {x}|{p}|{w} in {p}|{a} {x}]",
        w=rng.choice(words.OBJECTS + words.FOODS + words.ANIMALS + words.HOBBIES),
        x=word(rng),
        a=rng.choice(words.ADJECTIVES + words.COLOURS),
        p=city(rng),
    )


def code(rng: Rng) -> str:
    return "".join(rng.choice("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(rng.randint(2, 4)))


def reference(rng: Rng) -> str:
    return code(rng)[:2] + str(rng.randint(10, 9999)) if rng.random() < 0.8 else str(rng.randint(100, 99999))


def clock(rng: Rng) -> str:
    return rng.choice([f"{rng.randint(1, 12)}:{rng.randint(0, 5)}0", f"{rng.randint(1, 12)} pm", f"{rng.randint(1, 12)} am"])


def errand(rng: Rng) -> str:
    return phrase(
        rng,
        "[buy|call|feed|visit|wash|find|pay|meet|paint|fix] [the |][{w}|{n}|{x}]",
        w=rng.choice(words.OBJECTS + words.PETS), n=person(rng), x=made_up(rng),
    )


def _string(slot: str, keys: str, value: Value, about: str) -> Parameter:
    return Parameter(slot, keys, "string", value, about)


def _integer(slot: str, keys: str, value: Value, about: str) -> Parameter:
    return Parameter(slot, keys, "integer", value, about)


CITY = _string("c", "[city|city|city|location|place|town|name|query]", city, "[City name|The city|Name of the city|Where]")
LEAD = "[|||please |can you |could you |hey, |I want you to |I'd like you to ]"

SKILLS: list[Skill] = [
    Skill(
        "[get_weather|get_weather|get_weather|get_current_weather|weather|lookup_weather|current_weather|weather_now|fetch_weather|getWeather]",
        "[Look up current weather|Get the current weather|Get the weather in a city|Current weather for a place|Look up the weather|Weather report|Returns the weather of a city]",
        (CITY,),
        "[what is|what's|how is|how's|tell me|check|get|look up|show me|give me|find] the [current |]weather [like |][in|in|for|of|at] {c}[| now| today| right now]|"
        "weather in {c}|is it [warm|cold|raining|sunny|windy|hot|snowing|cloudy|wet] in {c}[| now| today]|what is the temperature in {c}|how [warm|cold|hot] is it in {c}|"
        "do I need [an umbrella|a coat|a hat] in {c}|will I need [a coat|an umbrella] in {c}|what does the sky look like in {c}|"
        "I am [going|flying|travelling] to {c}, [how is the weather|what is the weather]|{c} weather|what's it like outside in {c}|does it [rain|snow] in {c}[ now|]",
        (("temperature", number(-10, 38)), ("condition", one_of("sunny", "rainy", "cloudy", "windy", "clear", "snow", "foggy", "stormy", "light rain", "partly cloudy", "clear sky", "heavy snow"))),
    ),
    Skill(
        "[get_time|current_time|time_in|get_current_time|clock|local_time]",
        "[Get the current time|Current time in a city|Look up the local time|Tells the time somewhere]",
        (CITY,),
        "[what time is it|what is the time|what's the time|tell me the time|get the time|what is the local time|check the time] [now |]in {c}|"
        "time in {c}|how late is it in {c}|is it night in {c}|[what is|what's] the clock in {c}|local time {c}",
        (("time", lambda r: f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}"),),
    ),
    Skill(
        "[get_population|population|count_people|lookup_population]",
        "[Population of a city|Get the number of people in a place|Look up the population]",
        (CITY,),
        "how many people live in {c}|what is the population of {c}|population of {c}|how [big|large] is {c}|look up the population of {c}|"
        "number of people in {c}|how many inhabitants does {c} have",
        (("population", number(900, 9000000)),),
    ),
    Skill(
        "[set_timer|start_timer|timer|create_timer|countdown]",
        "[Start a timer|Set a timer for some minutes|Starts a countdown]",
        (_integer("m", "[minutes|duration|time|length]", number(1, 90), "[Minutes|How many minutes|Length in minutes]"),),
        LEAD + "[set|start|make] a timer [for|of] {m} minutes|timer {m} minutes|wake me in {m} minutes|{m} minute timer|count down {m} minutes|"
        "[ring|beep] [in|after] {m} minutes|start a {m} minute [timer|countdown]|tell me when {m} minutes are over",
        (("status", one_of("started", "running", "ok")),),
    ),
    Skill(
        "[send_message|send_text|message|text_person|send_sms]",
        "[Send a message to a person|Send a text message|Sends a text]",
        (
            _string("p", "[to|recipient|person|name]", person, "[Who gets it|The recipient|Name]"),
            _string("t", "[text|message|body|content]", lambda r: phrase(r, "[I am late|hello|see you at {k}|come home|buy {w}|thank you|I am at the {q}|call me|good luck|dinner is ready|I have the {w}]", k=clock(r), w=word(r), q=r.choice(words.PLACES)), "[The text|What to say|Message body]"),
        ),
        LEAD + "[send a message to|text|message|write to|send] {p}[ that says|:|, saying| saying|: ] {t}|tell {p}: {t}|let {p} know: {t}|message for {p}: {t}",
        (("status", one_of("sent", "delivered", "queued")),),
    ),
    Skill(
        "[search|web_search|search_web|find_info|lookup|google]",
        "[Search the web|Find information on the internet|Web search|Searches for something]",
        (_string("q", "[query|q|text|search|keywords]", topic, "[What to search for|Search text|The query]"),),
        LEAD + "[search|search the web|look|google|do a search] for {q}|search {q}|look up {q}[ on the web| online|]|find [information|something|pages] [about|on] {q}|"
        "what does the web say about {q}|google {q}|find {q} online",
        (("result", topic),),
    ),
    Skill(
        "[add|add_numbers|sum|plus]",
        "[Add two numbers|Adds two numbers|Sum of two numbers]",
        (
            _integer("a", "[a|x|first|left]", number(0, 9999), "[First number|A number]"),
            _integer("b", "[b|y|second|right]", number(0, 9999), "[Second number|Another number]"),
        ),
        "[what is|add|sum|how much is|calculate] {a} [plus|and|+] {b}|add {a} and {b}|{a}+{b}|{a} + {b}|sum of {a} and {b}",
        (("result", number(0, 20000)),),
    ),
    Skill(
        "[multiply|times|product]",
        "[Multiply two numbers|Product of two numbers]",
        (
            _integer("a", "[a|x|first|left]", number(2, 999), "[First number|A number]"),
            _integer("b", "[b|y|second|right]", number(2, 999), "[Second number|Another number]"),
        ),
        "[what is|multiply|how much is|calculate] {a} [times|by|*|x] {b}|multiply {a} [and|by|with] {b}|{a} * {b}|product of {a} and {b}",
        (("result", number(4, 99999)),),
    ),
    Skill(
        "[translate|translate_text|translator]",
        "[Translate text|Translate a text to another language|Translates words]",
        (
            _string("t", "[text|words|input|phrase]", lambda r: phrase(r, "[{w}|the {w}|good morning|{a} {w}|my {w}|I like {w}|where is the {w}]", w=word(r), a=r.choice(words.ADJECTIVES)), "[Text to translate|The text]"),
            _string("l", "[language|target|to|lang]", lambda r: r.choice(words.LANGUAGES), "[Target language|Language]"),
        ),
        LEAD + "translate [{t}|\"{t}\"] [to|into] {l}|how do you say [{t}|\"{t}\"] in {l}|what is [{t}|\"{t}\"] in {l}|say [{t}|\"{t}\"] in {l}|{t} in {l}",
        (("translation", made_up),),
    ),
    Skill(
        "[set_reminder|create_reminder|remind|add_reminder|reminder]",
        "[Set a reminder|Create a reminder for a task|Reminds the user]",
        (
            _string("t", "[task|text|what|title]", errand, "[What to do|The task]"),
            _string("k", "[time|when|at]", clock, "[When|Time of day]"),
        ),
        LEAD + "remind me to {t} at {k}|[set|make|create] a reminder to {t} at {k}|at {k} remind me to {t}|reminder at {k}: {t}|don't let me forget to {t} at {k}",
        (("status", one_of("saved", "set", "ok")),),
    ),
    Skill(
        "[play_music|play_song|play|music_player]",
        "[Play a song|Play music|Plays music by an artist]",
        (_string("s", "[song|title|artist|name|query]", lambda r: phrase(r, "[{w}|The {W}|{p}|{a} {w}]", w=made_up_name(r), W=made_up_name(r), p=person(r), a=r.choice(["Blue", "Old", "My", "Sweet"])), "[Song or artist|What to play]"),),
        LEAD + "play [|the song |something by |music by |]{s}|put on {s}|I want to [hear|listen to] {s}|start [playing|the song] {s}|let me hear {s}",
        (("playing", made_up_name),),
    ),
    Skill(
        "[switch_light|set_light|light|control_light|lights]",
        "[Switch a light on or off|Control the lights|Turns a light on or off]",
        (
            _string("r", "[room|place|where|location]", lambda r: r.choice(["kitchen", "bedroom", "hall", "bathroom", "office", "garage", "garden", "cellar", "attic", "living room", made_up(r)]), "[Which room|The room]"),
            Parameter("o", "[state|action|value|mode]", "string", one_of("on", "off"), "[On or off|The state]", ("on", "off")),
        ),
        LEAD + "[turn|switch] {o} the [light|lights|lamp] in the {r}|[turn|switch] the {r} [light|lights|lamp] {o}|{r} [light|lights] {o}|lights {o} in the {r}",
        (("state", one_of("on", "off", "done")),),
    ),
    Skill(
        "[convert_currency|exchange|convert_money|currency]",
        "[Convert money|Convert an amount between currencies|Currency converter]",
        (
            _integer("n", "[amount|value|sum]", number(1, 5000), "[How much|The amount]"),
            _string("f", "[from|source|from_currency]", one_of("euros", "dollars", "pounds", "yen", "francs", "USD", "EUR", "GBP", "JPY"), "[Source currency|From]"),
            _string("u", "[to|target|to_currency]", one_of("euros", "dollars", "pounds", "yen", "francs", "USD", "EUR", "GBP", "JPY"), "[Target currency|To]"),
        ),
        LEAD + "[convert|change|exchange] {n} {f} [to|into] {u}|how much [is|are] {n} {f} in {u}|{n} {f} in {u}|what [is|are] {n} {f} worth in {u}|{n} {f} to {u}",
        (("amount", number(1, 9000)),),
    ),
    Skill(
        "[book_table|reserve_table|reserve|restaurant_booking]",
        "[Book a table|Reserve a table at a restaurant|Makes a reservation]",
        (
            _string("r", "[restaurant|place|name|where]", made_up_name, "[Restaurant name|Where]"),
            _integer("n", "[people|guests|seats|size]", number(2, 12), "[Number of people|How many guests]"),
        ),
        LEAD + "[book|reserve|get] a table [at|in] {r} for {n}[| people| guests]|[book|reserve] a table for {n}[| people] at {r}|table for {n} at {r}|"
        "we are {n} people and want to eat at {r}|I need {n} seats at {r}",
        (("status", one_of("booked", "confirmed", "full")),),
    ),
    Skill(
        "[get_stock_price|stock_price|stock|quote|get_quote]",
        "[Get a stock price|Price of a stock|Look up a share price]",
        (_string("s", "[symbol|ticker|stock|company]", lambda r: code(r) if r.random() < 0.6 else made_up_name(r), "[Stock symbol|Ticker]"),),
        "what is the [stock |share |]price of {s}|how much is [one |a |]{s}[ stock| share|]|price of {s}|[get|check|look up|show] the [stock |share |]price [of|for] {s}|{s} stock[ price|]|how is {s} stock doing",
        (("price", lambda r: round(r.uniform(1, 900), 2)),),
    ),
    Skill(
        "[find_order|get_order|order_status|track_order|lookup_order]",
        "[Look up an order|Get the status of an order|Track a package]",
        (_string("i", "[id|order_id|order|number|code]", reference, "[Order number|The id]"),),
        "where is [my |]order {i}|[what is the status of|check|track|look up|find] [my |]order {i}|has order {i} [arrived|shipped]|order {i}[ status|]|when does order {i} [arrive|come]|any news [on|about] order {i}",
        (("status", one_of("shipped", "packed", "delivered", "lost", "waiting")),),
    ),
    Skill(
        "[get_user|find_person|lookup_contact|get_contact|find_user|phone_book]",
        "[Look up a person|Find a contact|Get the details of a user|Find a phone number]",
        (_string("p", "[name|person|user|contact|query]", person, "[Name of the person|Who]"),),
        "[look up|find|get|show me] [the contact|the number of|contact|the details of|the phone number of] {p}|what is the [phone |]number of {p}|what is {p}'s [phone |]number|[find|look up] {p}|how can I [reach|call] {p}|who is {p}",
        (("phone", number(10000, 999999)), ("city", city)),
    ),
    Skill(
        "[read_file|open_file|cat|load_file]",
        "[Read a file|Read the content of a file|Opens a file]",
        (_string("f", "[path|file|name|filename]", lambda r: phrase(r, "{w}[.txt|.md|.json|.py|.csv]", w=r.choice([made_up(r), r.choice(words.OBJECTS)])), "[Path of the file|File name]"),),
        LEAD + "[read|open|show|show me|print|load] [the file |]{f}|what is in [the file |]{f}|what does {f} [say|contain]|contents of {f}|look into {f}",
        (("content", topic),),
    ),
    Skill(
        "[roll_dice|roll|dice|throw_dice]",
        "[Roll dice|Roll a die|Throws dice]",
        (_integer("n", "[sides|faces|n|max]", number(4, 100), "[Number of sides|Faces]"),),
        LEAD + "[roll|throw] a [die|dice] with {n} [sides|faces]|roll a {n} sided [die|dice]|[roll|throw] a {n}-sided [die|dice]",
        (("value", number(1, 100)),),
    ),
    Skill(
        "[get_date|today|current_date|get_today]",
        "[Get today's date|Current date|Tells the date of today]",
        (),
        "what is the date[ today|]|what day is it[ today|]|which day is [it|today]|what's today's date|today's date|tell me the date|date please",
        (("date", lambda r: f"{r.randint(2020, 2030)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"),),
    ),
    Skill(
        "[get_location|where_am_i|current_location]",
        "[Get the position of the user|Where the user is|Find the current location]",
        (),
        "where am I[ now| right now|]|what is my [location|position]|find my [location|position]|which city am I in|locate me",
        (("city", city),),
    ),
    Skill(
        "[get_recipe|find_recipe|recipe|lookup_recipe]",
        "[Find a recipe|Get a recipe for a dish|Recipe search]",
        (_string("d", "[dish|food|name|query]", lambda r: r.choice(words.FOODS) if r.random() < 0.6 else made_up(r), "[Name of the dish|What to cook]"),),
        "[find|get|show me|give me|look up] [a |the ]recipe for {d}|how do I [cook|make|bake] {d}|recipe for {d}|I want to [cook|make|bake] {d}|what do I need [for|to cook] {d}",
        (("time", lambda r: f"{r.randint(5, 90)} minutes"), ("difficulty", one_of("easy", "hard", "medium"))),
    ),
    Skill(
        "[distance|get_distance|route|find_route|get_route]",
        "[Distance between two cities|Find a route|How far it is between two places]",
        (
            _string("a", "[from|start|origin|a]", city, "[Start|Origin]"),
            _string("b", "[to|end|destination|b]", city, "[End|Destination]"),
        ),
        "how far is it from {a} to {b}|[what is|get|tell me] the distance [from {a} to {b}|between {a} and {b}]|[find|show] [a |the ]route from {a} to {b}|how do I get from {a} to {b}|from {a} to {b}|way from {a} to {b}",
        (("km", number(5, 3000)),),
    ),
    Skill(
        "[create_note|save_note|note|add_note|write_note]",
        "[Save a note|Write a note|Creates a note]",
        (_string("t", "[text|note|content|body]", lambda r: errand(r) if r.random() < 0.6 else topic(r), "[Text of the note|The note]"),),
        LEAD + "[save|make|write|take|create|add] a note: {t}|note: {t}|note down: {t}|write down: {t}|keep this note: {t}|new note: {t}",
        (("status", one_of("saved", "ok", "created")),),
    ),
]

NOUNS = words._list("""
price, height, weight, age, owner, colour, length, phone number, address, status, score, rating, menu, author, width, salary,
birthday, size, speed, value, level, title, balance, profile, schedule, manager, budget, forecast, history, capital, mayor,
altitude, postcode, opening hours, temperature, humidity, stock, tax, delivery date, version, license, email
""")
ENTITIES = words._list("""
city, person, product, book, user, shop, company, item, car, house, country, team, game, animal, plant, customer, order, movie,
song, river, mountain, file, project, robot, machine, account, train, flight, room, student
""")


def made_up_skill(rng: Rng) -> Skill:
    """A look-up function nobody has seen: the model must read its schema."""
    noun = rng.choice(NOUNS) if rng.random() < 0.7 else made_up(rng)
    entity = rng.choice(ENTITIES) if rng.random() < 0.8 else made_up(rng)
    snake = noun.replace(" ", "_")
    key = phrase(rng, "[{e}|{e}|{e}_name|name|id|query|{e}_id|{x}]", e=entity, x=made_up(rng, 1, 2))
    if rng.random() < 0.6:
        name = phrase(rng, "[get|get|find|lookup|fetch|read|check|show]_{n}", n=snake)
    else:
        name = phrase(rng, "[{n}_of_{e}|{e}_{n}|get_{e}_{n}|{n}]", n=snake, e=entity)
    value: Value = rng.choice([made_up_name, person, city, word, reference])
    return Skill(
        name,
        phrase(rng, "[Look up|Get|Find|Returns|Read|Fetch] the {n} of a {e}|{N} of a {e}", n=noun, N=noun.capitalize(), e=entity),
        (_string("v", key, value, phrase(rng, "[The {e}|Name of the {e}|Which {e}]", e=entity)),),
        f"[what is|what's|get|find|look up|tell me|show me|check|I need|give me] the {noun} [of|for|of] [|the {entity} ]{{v}}|{noun} of {{v}}|"
        f"what {noun} does [|the {entity} ]{{v}} have|do you know the {noun} of {{v}}|{{v}}: {noun}|the {noun} of {{v}}, please",
        ((noun, rng.choice([word, number(1, 9999), made_up_name, one_of("open", "good", "low", "high", "none")])),),
    )
