"""The arguments of proposed calls out of an answer, literals only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from core.text.python_syntax import expression_tree
from core.text.sanitize import strip_controls

MAX_PROPOSALS = 12
MAX_ANSWER_CHARACTERS = 20_000
MAX_LITERAL_CHARACTERS = 2_000
MAX_NUMBER = 10**6  # a function may count up to its argument, and shall end in time
MAX_ITEMS = 200

_FENCE_LINE = re.compile(r"^\s*(?:`{3,}|~{3,})[\w+-]*\s*$")
_BEFORE_CALL = re.compile(r"^\s*(?:[-*•>]+\s+|\d{1,2}[.)]\s+|>>>\s*)?(?:assert\s+|print\(|return\s+)?`?")
_WORDS = {"true": True, "false": False, "none": None, "null": None}

Value = object
"""What a Python literal can write: numbers, texts, bytes, None, and tuples, lists, dicts and sets of them."""


def read_arguments(answer: str, function: str) -> tuple[tuple[Value, ...], ...]:
    """Return the arguments of the calls of `function` that an answer proposes, each call once, at most 12.

    Lists, fences, prompts, comparisons and remarks around a call do not matter. A call with anything but literals is left out,
    as are huge numbers and texts. An answer without any call may give a list of literals, one a line.
    """
    found: dict[str, tuple[Value, ...]] = {}
    for line in _lines(answer):
        for arguments in _calls(line, function):
            found.setdefault(repr(arguments), arguments)
    if not found:
        for line in _lines(answer):
            is_literal, value = _literal(_BEFORE_CALL.sub("", line, count=1).strip().rstrip(",`"))
            if is_literal and _is_small(value):
                arguments = value if isinstance(value, tuple) else (value,)
                found.setdefault(repr(arguments), arguments)
    return tuple(found.values())[:MAX_PROPOSALS]


def _lines(answer: str) -> Iterator[str]:
    for line in strip_controls(answer[:MAX_ANSWER_CHARACTERS]).split("\n"):
        if line.strip() and not _FENCE_LINE.match(line):
            yield line.strip()


def _calls(line: str, function: str) -> Iterator[tuple[Value, ...]]:
    for match in re.finditer(rf"(?<![\w.]){re.escape(function)}\(", line):
        end = _end_of_call(line, match.end())
        call = line[match.start() : end] if end else ""
        arguments = _arguments(call)
        if arguments is not None and all(_is_small(value) for value in arguments):
            yield arguments


def _end_of_call(line: str, start: int) -> int:
    """Return where the bracket that opens before `start` is closed, or 0; brackets in quotation marks do not count."""
    depth, quote, place = 1, "", start
    while place < len(line):
        char = line[place]
        if quote:
            if char == "\\":
                place += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return place + 1
        place += 1
    return 0


def _arguments(call: str) -> tuple[Value, ...] | None:
    """Return the positional arguments of a call that has no others, if all of them are literals."""
    tree = _parsed(call)
    if not isinstance(tree, ast.Call) or tree.keywords:
        return None
    values = []
    for argument in tree.args:
        is_literal, value = _evaluated(argument)
        if not is_literal:
            return None
        values.append(value)
    return tuple(values)


def _literal(text: str) -> tuple[bool, Value]:
    if text.casefold() in _WORDS:
        return True, _WORDS[text.casefold()]
    tree = _parsed(text)
    return _evaluated(tree) if tree is not None else (False, None)


def _parsed(text: str) -> ast.expr | None:
    if not text or len(text) > MAX_LITERAL_CHARACTERS:
        return None
    return expression_tree(text)


def _evaluated(tree: ast.expr) -> tuple[bool, Value]:
    try:
        return True, ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False, None


def _is_small(value: Value) -> bool:
    if isinstance(value, dict):
        return len(value) <= MAX_ITEMS and all(_is_small(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return len(value) <= MAX_ITEMS and all(map(_is_small, value))
    if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
        return abs(value) <= MAX_NUMBER
    return True
