"""Inputs near those of the examples: each a change of one of them that keeps its types."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.execution.evidence.examples.example_tests import UsedExample
from core.execution.evidence.examples.literals import source_of

TRIES_AN_INPUT = 20
MOST_CHARACTERS = 200
MOST_ITEMS = 40
FAR = 1000


@dataclass(frozen=True, slots=True)
class CallInput:
    """The arguments of one call."""

    arguments: tuple[object, ...]
    keywords: tuple[tuple[str, object], ...] = ()

    @property
    def source(self) -> str:
        """The arguments as Python source, which is what inputs are told apart by."""
        given = [source_of(argument) for argument in self.arguments]
        return ", ".join([*given, *(f"{name}={source_of(value)}" for name, value in self.keywords)])


def inputs_of(used: Sequence[UsedExample]) -> tuple[CallInput, ...]:
    """Return the arguments of those examples that are one call."""
    return tuple(CallInput(entry.arguments, entry.keywords) for entry in used if entry.call is not None)


def mutated_inputs(given: Sequence[CallInput], rng: random.Random, count: int = 40) -> tuple[CallInput, ...]:
    """Return up to `count` different inputs made of the given ones, none of which is among them."""
    seen = {entry.source for entry in given}
    made: list[CallInput] = []
    usable = [entry for entry in given if entry.arguments or entry.keywords]
    for turn in range(count * TRIES_AN_INPUT if usable else 0):
        if len(made) == count:
            break
        mutated = _mutated_input(usable[turn % len(usable)], rng)
        if mutated.source not in seen:
            seen.add(mutated.source)
            made.append(mutated)
    return tuple(made)


def _mutated_input(entry: CallInput, rng: random.Random) -> CallInput:
    arguments, keywords = list(entry.arguments), [list(pair) for pair in entry.keywords]
    places = len(arguments) + len(keywords)
    for place in rng.sample(range(places), k=1 if rng.random() < 0.7 else places):
        if place < len(arguments):
            arguments[place] = mutated(arguments[place], rng)
        else:
            keywords[place - len(arguments)][1] = mutated(keywords[place - len(arguments)][1], rng)
    return CallInput(tuple(arguments), tuple((str(name), value) for name, value in keywords))


def mutated(value: object, rng: random.Random) -> object:
    """Return a value of the same type that is near another."""
    match value:
        case bool():
            return not value
        case int():
            return _mutated_integer(value, rng)
        case float():
            return _mutated_float(value, rng)
        case str():
            return _mutated_text(value, rng)
        case list():
            return _mutated_items(value, rng)
        case tuple():
            # A tuple is a record more often than a sequence: its length stays.
            items = list(value)
            if items:
                place = rng.randrange(len(items))
                items[place] = mutated(items[place], rng)
            return tuple(items)
        case dict():
            return _mutated_mapping(value, rng)
        case set():
            return set(_mutated_items(sorted(value, key=repr), rng))
        case bytes():
            return _mutated_text(value.decode("latin-1"), rng).encode("latin-1", "replace")
        case _:
            return value


def _mutated_integer(value: int, rng: random.Random) -> int:
    reach = min(abs(value), FAR) + 2
    changes: list[Callable[[], int]] = [
        lambda: value + 1,
        lambda: value - 1,
        lambda: 0,
        lambda: 1,
        lambda: -value,
        lambda: value * 2 if abs(value) < FAR else value + 2,
        lambda: value // 2,
        lambda: rng.randint(-reach, reach),
        lambda: rng.randint(0, 2 * reach),
    ]
    return rng.choice(changes)()


def _mutated_float(value: float, rng: random.Random) -> float:
    if not math.isfinite(value):
        return 0.0
    reach = min(abs(value), float(FAR)) + 1
    changes = [
        value + 1,
        value - 1,
        0.0,
        -value,
        value / 2,
        value * 2,
        value + 0.1,
        round(rng.uniform(-reach, reach), 2),
    ]
    return rng.choice(changes)


def _mutated_text(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text) + 1)
    letters = text or "ab c"
    changes: list[Callable[[], str]] = [
        str,
        lambda: text + text,
        text.upper,
        text.lower,
        text.swapcase,
        lambda: text[::-1],
        lambda: text[:place] + text[place + 1 :],
        lambda: text[:place] + rng.choice(letters) + text[place:],
        lambda: "".join(rng.sample(text, len(text))),
        lambda: text[place:],
        f"{text} {text}".strip,
        lambda: _other_digits(text, rng),
    ]
    return rng.choice(changes)()[:MOST_CHARACTERS]


def _other_digits(text: str, rng: random.Random) -> str:
    return "".join(
        rng.choice("0123456789") if character.isascii() and character.isdigit() else character for character in text
    )


def _mutated_items(items: list[object], rng: random.Random) -> list[object]:
    if not items:
        return []
    place = rng.randrange(len(items))
    changes: list[Callable[[], list[object]]] = [
        list,
        lambda: rng.sample(items, len(items)),
        lambda: items[:place] + items[place + 1 :],
        lambda: [*items, rng.choice(items)],
        lambda: items[::-1],
        lambda: [items[place]],
        lambda: [*items, mutated(items[place], rng)],
        lambda: [mutated(item, rng) for item in items],
        lambda: [*items[:place], mutated(items[place], rng), *items[place + 1 :]],
    ]
    # A nested list is changed inside more often than around.
    changed = changes[-1]() if isinstance(items[0], list) and rng.random() < 0.5 else rng.choice(changes)()
    return changed[:MOST_ITEMS]


def _mutated_mapping(mapping: dict[object, object], rng: random.Random) -> dict[object, object]:
    if not mapping:
        return {}
    name = rng.choice(list(mapping))
    rest = {key: value for key, value in mapping.items() if key != name}
    changes: list[Callable[[], dict[object, object]]] = [
        dict,
        rest.copy,
        lambda: mapping | {name: mutated(mapping[name], rng)},
        lambda: rest | {mutated(name, rng): mapping[name]},
        lambda: {key: mutated(value, rng) for key, value in mapping.items()},
    ]
    return rng.choice(changes)()
