"""Blanks out strings and comments of languages with braces, so that what is left can be searched for structure."""

from __future__ import annotations

import re
from typing import Literal

BraceLanguage = Literal["javascript", "go", "rust"]

_WORD_BEFORE_REGEX = re.compile(
    r"(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)\s*$"
)
_RUST_RAW = re.compile(r'b?r(#*)"')
_RUST_CHAR = re.compile(r"'(?:\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F_]+\}|.)|[^'\\\n])'")


def masked(text: str, language: BraceLanguage) -> str:
    """Return a text of the same length in which the insides of strings, patterns and comments are blanks."""
    out = list(text)
    at = 0
    while at < len(text):
        end = _end_of_quoted(text, at, language)
        if end is None:
            at += 1
            continue
        for index in range(at, end):
            if text[index] != "\n":
                out[index] = " "
        if text[at] != "/":  # a value stood here
            out[at] = '"'
            if text[end - 1] != "\n":
                out[end - 1] = '"'
        at = end
    return "".join(out)


def matching(text: str, at: int, step: Literal[1, -1]) -> int | None:
    """Return where the bracket that belongs to the one at `at` stands in a masked text."""
    opening, closing = ("([{", ")]}") if step == 1 else (")]}", "([{")
    depth = 0
    while 0 <= at < len(text):
        if text[at] in opening:
            depth += 1
        elif text[at] in closing:
            depth -= 1
            if depth == 0:
                return at
        at += step
    return None


def _end_of_quoted(text: str, at: int, language: BraceLanguage) -> int | None:
    """Return the end of a string, a pattern or a comment that begins here."""
    char = text[at]
    if text.startswith("//", at):
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    if text.startswith("/*", at):
        return _after(text, "*/", at + 2)
    if char == '"':
        return _end_of_string(text, at, language)
    if char == "'":
        if language == "rust":  # a lifetime has no second quote
            found = _RUST_CHAR.match(text, at)
            return found.end() if found is not None else None
        return _end_of_string(text, at, language)
    if char == "`" and language == "go":
        return _after(text, "`", at + 1)
    if char == "`" and language == "javascript":
        return _end_of_template(text, at)
    if char in "rb" and language == "rust" and not (at and (text[at - 1].isalnum() or text[at - 1] == "_")):
        found = _RUST_RAW.match(text, at)
        return _after(text, f'"{found[1]}', found.end()) if found is not None else None
    if char == "/" and language == "javascript" and _is_pattern(text, at):
        return _end_of_pattern(text, at)
    return None


def _after(text: str, word: str, at: int) -> int:
    found = text.find(word, at)
    return len(text) if found < 0 else found + len(word)


def _end_of_string(text: str, at: int, language: BraceLanguage) -> int:
    """Return the end of a string; only in Rust does one go on over the end of a line."""
    index = at + 1
    while index < len(text) and text[index] != text[at]:
        if text[index] == "\n" and language != "rust":
            return index
        index += 2 if text[index] == "\\" else 1
    return min(index + 1, len(text))


def _end_of_template(text: str, at: int) -> int:
    index = at + 1
    while index < len(text) and text[index] != "`":
        if text[index] == "\\":
            index += 2
        elif text.startswith("${", index):
            index = _end_of_placeholder(text, index + 2)
        else:
            index += 1
    return min(index + 1, len(text))


def _end_of_placeholder(text: str, at: int) -> int:
    depth = 1
    while at < len(text) and depth:
        end = _end_of_quoted(text, at, "javascript")
        if end is not None:
            at = end
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at


def _is_pattern(text: str, at: int) -> bool:
    """Whether a slash begins a pattern: a division has a value before it."""
    before = text[max(0, at - 200) : at].rstrip()
    if not before:
        return True
    return before[-1] in "(,=:[!&|?{};+-*%~^<>" or _WORD_BEFORE_REGEX.search(before) is not None


def _end_of_pattern(text: str, at: int) -> int | None:
    index, in_class = at + 1, False
    while index < len(text) and text[index] != "\n":
        if text[index] == "\\":
            index += 1
        elif text[index] == "[":
            in_class = True
        elif text[index] == "]":
            in_class = False
        elif text[index] == "/" and not in_class:
            return index + 1
        index += 1
    return None
