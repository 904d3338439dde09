"""Function calling: pick a function, copy the arguments, use the result, or decide not to call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable

from .frames import opened
from .instructions import neutral_system
from .qa import QA
from .text import Conversation, Message, Rng, assistant, capitalize, careless, join_and, made_up, phrase, system, user
from .toolbox import SKILLS, Skill, made_up_skill

NO_FUNCTION = "I have no function that can do that."


@dataclass
class Offer:
    """One function as offered in this conversation: its schema and the drawn parameter names."""

    skill: Skill
    name: str
    keys: list[str]
    schema: dict[str, Any]


def offer(rng: Rng, skill: Skill) -> Offer:
    name = phrase(rng, skill.names)
    if rng.random() < 0.03:
        name = made_up(rng, 2, 3)
    properties: dict[str, Any] = {}
    keys: list[str] = []
    described = rng.random() < 0.4
    for parameter in skill.parameters:
        key = phrase(rng, parameter.keys)
        while key in keys:
            key += "_2"
        keys.append(key)
        spec: dict[str, Any] = {"type": parameter.kind}
        if parameter.kind == "integer" and rng.random() < 0.3:
            spec["type"] = "number"
        if parameter.options and rng.random() < 0.7:
            spec["enum"] = list(parameter.options)
        if described:
            about = phrase(rng, parameter.about)
            spec = {"description": about, **spec} if rng.random() < 0.2 else {**spec, "description": about}
        properties[key] = spec
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if rng.random() < 0.7:
        parameters["required"] = list(keys)
    if rng.random() < 0.2:
        parameters["additionalProperties"] = False
    if rng.random() < 0.06:
        parameters = {"$schema": "http://json-schema.org/draft-07/schema#", **parameters}
    function: dict[str, Any] = {"name": name}
    if rng.random() < 0.92:
        function["description"] = phrase(rng, skill.about)
    function["parameters"] = parameters
    if rng.random() < 0.08:
        function["strict"] = True
    return Offer(skill, name, keys, {"type": "function", "function": function})


def draw_skill(rng: Rng) -> Skill:
    roll = rng.random()
    if roll < 0.2:
        return SKILLS[0]
    return made_up_skill(rng) if roll < 0.5 else rng.choice(SKILLS)


def offers(rng: Rng, count: int) -> list[Offer]:
    chosen: list[Offer] = []
    while len(chosen) < count:
        new = offer(rng, draw_skill(rng))
        if all(o.name != new.name and (o.skill.about != new.skill.about) for o in chosen):
            chosen.append(new)
    return chosen


def request(rng: Rng, target: Offer) -> tuple[str, dict[str, Any]]:
    """What the user says, and the arguments that follow from it."""
    values = {parameter.slot: parameter.value(rng) for parameter in target.skill.parameters}
    shown = {slot: str(value) for slot, value in values.items()}
    text = phrase(rng, target.skill.ask, **shown)
    first = text.split(" ")[0].lower().rstrip(",:")
    asks = first in ("what", "what's", "how", "how's", "is", "do", "does", "will", "where", "who", "which", "can", "could", "has")
    text = capitalize(text) + ("?" if asks else rng.choice([".", ".", ""]))
    text = opened(rng, careless(rng, text, lower=False), 0.08)
    arguments = {key: values[p.slot] for key, p in zip(target.keys, target.skill.parameters)}
    if rng.random() < 0.08:
        text = text.lower()
        arguments = {k: v.lower() if isinstance(v, str) else v for k, v in arguments.items()}
    return text, arguments


def call(calls: list[tuple[str, dict[str, Any]]]) -> Message:
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in calls
        ],
    }


def result(rng: Rng, target: Offer, arguments: dict[str, Any]) -> tuple[str, str]:
    """The function's reply, and the answer that uses it."""
    fields = [(key, value(rng)) for key, value in target.skill.result]
    roll = rng.random()
    about = next((str(v) for v in arguments.values() if isinstance(v, str)), None)
    lead = f"For {about}, the" if about and len(about) < 24 else "The"
    if roll < 0.08:
        reason = phrase(rng, "[not found|no network|timeout|access denied|unknown {w}|try again later|{w} is missing|server error]", w=made_up(rng))
        compact = (",", ":") if rng.random() < 0.5 else (", ", ": ")
        return json.dumps({"error": reason}, separators=compact), f"The function failed: {reason}."
    if roll < 0.35:
        plain = phrase(rng, "[{k} {v}|{k}: {v}|{v}|{v} {k}|{v}, {k}]", k=fields[0][0], v=fields[0][1])
        if len(fields) > 1:
            plain = phrase(rng, "[{p}, {v}|{v}, {p}|{p} and {v}]", p=plain, v=fields[1][1])
        return plain, f"Here is what I found: {plain.rstrip('.')}."
    if rng.random() < 0.35:
        fields = fields + [(rng.choice(["unit", "source", "note", "id", "kind", made_up(rng)]), rng.choice([made_up(rng), rng.randint(1, 999), "C", "ok"]))]
    if rng.random() < 0.3:
        fields[0] = (rng.choice(["result", "value", "data", "answer", "output", "temp", "state", made_up(rng)]), fields[0][1])
    if rng.random() < 0.2:
        rng.shuffle(fields)
    if arguments and rng.random() < 0.2:
        fields = [next(iter(arguments.items()))] + fields
    compact = (",", ":") if rng.random() < 0.5 else (", ", ": ")
    table = {key.replace(" ", "_"): value for key, value in fields}
    content = json.dumps(table, ensure_ascii=False, separators=compact)
    parts = [f"{key.replace('_', ' ')} is {value}" for key, value in table.items()]
    return content, f"{lead} " + join_and([parts[0]] + [f"the {part}" for part in parts[1:]]) + "."


def make_call(rng: Rng, filler: Callable[[Rng], QA]) -> Conversation:
    chosen = offers(rng, rng.choice([1, 1, 1, 1, 2, 2, 2, 3, 3, 4]))
    messages: list[Message] = []
    if rng.random() < 0.45:
        messages.append(system(neutral_system(rng)))
    for _ in range(rng.choice([1, 1, 1, 2])):
        messages += _turn(rng, chosen, filler)
    rng.shuffle(chosen)
    return Conversation("tools", messages, [o.schema for o in chosen])


def _turn(rng: Rng, chosen: list[Offer], filler: Callable[[Rng], QA]) -> list[Message]:
    roll = rng.random()
    if roll < 0.16:
        return _no_call(rng, chosen, filler)
    if roll < 0.24:
        other = draw_skill(rng)
        if other.about in [o.skill.about for o in chosen] or any(other.names == o.skill.names for o in chosen) or _reaches(other, chosen):
            return _no_call(rng, chosen, filler)
        text, _ = request(rng, offer(rng, other))
        return [user(text), assistant(NO_FUNCTION)]
    target = rng.choice(chosen)
    text, arguments = request(rng, target)
    if roll < 0.30 and len(target.skill.parameters) == 1:
        second, more = request(rng, target)
        slot = target.skill.parameters[0].slot
        values = [str(arguments[target.keys[0]]), str(more[target.keys[0]])]
        text = phrase(rng, target.skill.ask, **{slot: join_and(values)})
        messages = [user(capitalize(text))]
        messages.append(call([(target.name, arguments), (target.name, more)]))
        answers = []
        for item in (arguments, more):
            content, answer = result(rng, target, item)
            messages.append({"role": "tool", "content": content})
            answers.append(answer)
        return messages + [assistant(" ".join(answers))]
    messages = [user(text), call([(target.name, arguments)])]
    if rng.random() < 0.6:
        content, answer = result(rng, target, arguments)
        messages += [{"role": "tool", "content": content}, assistant(answer)]
    return messages


def _reaches(other: Skill, chosen: list[Offer]) -> bool:
    """A web search, or a made-up look-up of the same thing, could serve the request after all."""
    if any("search" in o.skill.names for o in chosen):
        return True
    return other not in SKILLS and any(o.skill not in SKILLS for o in chosen)


def _no_call(rng: Rng, chosen: list[Offer], filler: Callable[[Rng], QA]) -> list[Message]:
    qa = filler(rng)
    sums = any(word in o.name for o in chosen for word in ("add", "sum", "plus", "multiply", "times", "product"))
    while sums and any(char.isdigit() for char in qa.question) or "capital" in qa.question and any("capital" in o.name for o in chosen):
        qa = filler(rng)
    return [user(careless(rng, qa.question)), assistant(qa.full)]
