"""Reads values as people write them in a task: Python's literals, JSON's words, typographic quotes. Nothing is evaluated."""

# ruff: noqa: RUF001 - people write these characters

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass

from core.text.python_syntax import expression_tree

MAX_CHARACTERS = 4000
MAX_NUMBER = 10**30
MAX_REPEATED = 10_000

# What opens a string, and what may close it.
QUOTES = {'"': '"', "'": "'", "“": "”“", "„": "“”", "‘": "’", "‚": "‘’", "«": "»", "»": "«", "「": "」"}
_TYPOGRAPHIC = frozenset(QUOTES) - {'"', "'"}
_OPENING = {"(": ")", "[": "]", "{": "}"}
_WORDS: dict[str, object] = {
    "true": True,
    "TRUE": True,
    "false": False,
    "FALSE": False,
    "null": None,
    "nil": None,
    "none": None,
}


class NotALiteralError(ValueError):
    """A piece of text that is no value by itself; the message says why."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A piece of text as Python would write it, and where it ends in the text."""

    source: str
    end: int


def scan_string(text: str, start: int) -> Scanned | None:
    """Return the string that begins at `start` with any kind of quote, as Python would write it."""
    opening = text[start]
    typographic = opening in _TYPOGRAPHIC
    at = start + 1
    while at < len(text) and at - start < MAX_CHARACTERS:
        character = text[at]
        if character == "\\" and not typographic:
            at += 2
        elif character in QUOTES[opening]:
            return Scanned(repr(text[start + 1 : at]) if typographic else text[start : at + 1], at + 1)
        elif character == "\n":
            return None
        else:
            at += 1
    return None


def scan_brackets(text: str, start: int) -> Scanned | None:
    """Return what stands from the bracket at `start` to the one that closes it."""
    pieces: list[str] = []
    expected: list[str] = []
    at = start
    while at < len(text) and at - start < MAX_CHARACTERS:
        character = text[at]
        if character in QUOTES:
            string = scan_string(text, at)
            if string is None:
                return None
            pieces.append(string.source)
            at = string.end
            continue
        if character in _OPENING:
            expected.append(_OPENING[character])
        elif character in ")]}" and (not expected or character != expected.pop()):
            return None
        pieces.append(character)
        at += 1
        if not expected:
            return Scanned("".join(pieces), at)
    return None


def has_bare_parentheses(source: str) -> bool:
    """Whether a value stands in parentheses without a comma: it may be that value, or a tuple that lacks its comma."""
    open_brackets: list[tuple[str, int, bool]] = []
    at, before = 0, ""
    while at < len(source):
        character = source[at]
        if character in "\"'":
            string = scan_string(source, at)
            if string is None:
                return False
            at, before = string.end, "s"
            continue
        if character in _OPENING:
            is_call = before.isalnum() or before in ("_", ")", "]")
            open_brackets.append(("call" if is_call else character, at, False))
        elif character == "," and open_brackets:
            kind, begun, _ = open_brackets[-1]
            open_brackets[-1] = (kind, begun, True)
        elif character in ")]}" and open_brackets:
            kind, begun, has_comma = open_brackets.pop()
            inside = source[begun + 1 : at].strip()
            if kind == "(" and inside and not has_comma and not any(sign in inside for sign in "+*/"):
                return True
        if not character.isspace():
            before = character
        at += 1
    return False


def parse_expression(source: str) -> ast.expr:
    """Return the syntax tree of an expression; NotALiteralError when it is none."""
    tree = expression_tree(source.strip())
    if tree is None:
        raise NotALiteralError("cannot be read")
    return tree


def literal_value(source: str) -> object:
    """Return the value that a literal stands for; NotALiteralError when it is none, or may be read in two ways."""
    if has_bare_parentheses(source):
        raise NotALiteralError("a value in parentheses may be a tuple that lacks its comma")
    return value_of(parse_expression(source))


def value_of(node: ast.expr) -> object:
    """Return the value of a syntax tree that holds literals and arithmetic on numbers, and nothing else."""
    try:
        return _value(node)
    except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, NotALiteralError):
            raise
        raise NotALiteralError("cannot be computed") from error


def _value(node: ast.expr) -> object:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Set(elts=items):
            return {_value(item) for item in items}
        case ast.Dict(keys=keys, values=values):
            if None in keys:
                raise NotALiteralError("is not made of values alone")
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True) if key is not None}
        case ast.Name(id=name) if name in _WORDS:
            return _WORDS[name]
        case ast.Name(id=name):
            raise NotALiteralError(f"{name!r} is a name, not a value")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            number = _number(_value(operand))
            return -number if isinstance(sign, ast.USub) else number
        case ast.BinOp(left=left, op=operator, right=right):
            return _computed(_value(left), operator, _value(right))
        case ast.Call(func=ast.Name(id="set"), args=[], keywords=[]):
            return set()
        case ast.Call(
            func=ast.Name(id="float"), args=[ast.Constant(value="inf" | "-inf" | "nan" as word)], keywords=[]
        ):
            return float(word)
        case ast.Attribute(value=ast.Name(id="math"), attr="inf" | "nan" | "pi" | "e" as word):
            return float(getattr(math, word))
        case _:
            raise NotALiteralError("is not made of values alone")


def _number(value: object) -> int | float | complex:
    if isinstance(value, int | float | complex) and not isinstance(value, bool):
        return value
    raise NotALiteralError("is not made of values alone")


_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: lambda left, right: left % right,
}


def _computed(left: object, operator: ast.operator, right: object) -> object:
    if isinstance(operator, ast.Mult) and isinstance(left, str | list) and isinstance(right, int):
        if len(left) * right > MAX_REPEATED:
            raise NotALiteralError("is too large")
        return left * right
    first, second = _number(left), _number(right)
    if isinstance(first, complex) or isinstance(second, complex):
        match operator:
            case ast.Add():
                return first + second
            case ast.Sub():
                return first - second
            case _:
                raise NotALiteralError("is not made of values alone")
    if max(abs(first), abs(second)) > MAX_NUMBER:
        raise NotALiteralError("is too large")
    if isinstance(operator, ast.Pow):
        if not (isinstance(first, int) and isinstance(second, int) and 0 <= second <= 100 and abs(first) <= 1000):
            raise NotALiteralError("is too large")
        return first**second
    if type(operator) not in _ARITHMETIC:
        raise NotALiteralError("is not made of values alone")
    return _ARITHMETIC[type(operator)](first, second)


def source_of(value: object, *, tolerant: bool = False) -> str:
    """Return Python source of a value; with `tolerant`, floats in it compare with a tolerance (pytest must be imported).

    A float of three and more decimals is taken as rounded by whoever wrote it.
    """
    match value:
        case bool() | None | int() | str() | bytes() | complex():
            return repr(value)
        case float():
            return _float_source(value, tolerant=tolerant)
        case list():
            return "[" + ", ".join(source_of(item, tolerant=tolerant) for item in value) + "]"
        case tuple():
            inside = ", ".join(source_of(item, tolerant=tolerant) for item in value)
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        case set():
            # An element that is found by its hash cannot be compared with a tolerance.
            return "{" + ", ".join(sorted(source_of(item) for item in value)) + "}" if value else "set()"
        case dict():
            pairs = (f"{source_of(key)}: {source_of(item, tolerant=tolerant)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case _:
            raise TypeError(f"no literal stands for a value of type {type(value).__name__}")


def _float_source(value: float, *, tolerant: bool) -> str:
    plain = repr(value) if math.isfinite(value) else f'float("{value}")'
    if not tolerant:
        return plain
    if math.isnan(value):
        return f"pytest.approx({plain}, nan_ok=True)"
    whole, _, decimals = plain.partition(".")
    if math.isfinite(value) and 3 <= len(decimals) <= 12 and decimals.isdigit() and whole:
        return f"pytest.approx({plain}, abs=0.5e-{len(decimals)})"
    return f"pytest.approx({plain})"
