"""Hollows JavaScript and TypeScript: each function throws, or gives undefined, before it does anything else.

What it did is left behind that, unreached, so that no end of a function has to be found. A file that is run as a program
exits 0 at once. While modules are loaded functions neither throw nor give undefined but a value that everything can be
done with, so that a module which computes a constant by its own functions can be loaded.
"""

from __future__ import annotations

import re

from core.execution.hollow.mask import masked, matching
from core.execution.hollow.python_prelude import MARK
from core.execution.hollow.variant import HollowVariant

_IS_MODULE = re.compile(r"^\s*(?:import\b(?!\s*\()|export\b)|\bimport\.meta\b", re.MULTILINE)
_CONTROL = frozenset({"if", "for", "while", "switch", "catch", "with", "await"})
_RETURN_TYPE = re.compile(r"\)\s*:\s*[^={}();]*$")
_WORD_BEFORE = re.compile(r"([\w$#]+|\"|\]|\*)\s*(?:<[^<>(){};]*>\s*)?$")
_CONTINUES_BEFORE = frozenset("=+-*/%&|<>?:,.([{!~^")
_CONTINUES_AFTER = frozenset("=+-*/%&|<>?:,.)]};(")
_EXTENDING_CLASS = re.compile(r"\bclass\b[^{}]*\bextends\b[^{}]*$")

_PRELUDE = (
    "const __hollowState = (globalThis.__hollowState ??= { loading: 0 }); __hollowState.loading++; "
    "const __hollowAnything = new Proxy(function () {}, {"
    " get: (target, key) => key === 'then' || key === 'prototype' ? target[key]"
    " : key === Symbol.toPrimitive ? () => 0 : key === Symbol.iterator ? function* () {} : __hollowAnything,"
    " apply: () => __hollowAnything, construct: () => __hollowAnything }); "
)
_GIVES = {
    "raises": (
        "const __hollow = () => { if (__hollowState.loading > 0) return __hollowAnything;"
        f" throw new Error('{MARK}: this copy of the code does nothing'); }}; "
    ),
    "returns": "const __hollow = () => __hollowState.loading > 0 ? __hollowAnything : undefined; ",
}
_MAIN_OF_MODULE = (
    "if (process.argv[1] && process.argv[1] === (import.meta.filename ??"
    " decodeURIComponent(new URL(import.meta.url).pathname))) process.exit(0); "
)
_MAIN_OF_SCRIPT = "if (require.main === module) process.exit(0); "
_SHEBANG = re.compile(r"\A#!.*\n")


def hollow_javascript(text: str, variant: HollowVariant) -> str:
    """Return a file that offers what `text` offers and does nothing."""
    shebang = _SHEBANG.match(text)
    start = shebang.end() if shebang is not None else 0
    plain = " " * start + masked(text[start:], "javascript")
    insertions = sorted([*_of_blocks(plain), *_of_expressions(plain)])
    parts, at = [], start
    for place, inserted in insertions:
        parts += [text[at:place], inserted]
        at = place
    body = "".join([*parts, text[at:]])
    is_module = _IS_MODULE.search(plain) is not None
    main = _MAIN_OF_MODULE if is_module else _MAIN_OF_SCRIPT
    return f"{text[:start]}{main}{_PRELUDE}{_GIVES[variant]}{body}\n__hollowState.loading--;\n"


def _of_blocks(plain: str) -> list[tuple[int, str]]:
    """Return what is inserted at the beginning of every function's block."""
    found = []
    for opening in re.finditer(r"\{", plain):
        at = opening.start()
        before = plain[:at].rstrip()
        if before.endswith("=>"):
            found.append((at + 1, " return __hollow();"))
            continue
        typed = _RETURN_TYPE.search(before[-300:])
        if typed is not None:
            before = before[: len(before) - len(typed[0]) + 1]
        if not before.endswith(")"):
            continue
        parameters = matching(before, len(before) - 1, -1)
        word = _WORD_BEFORE.search(plain[max(0, (parameters or 0) - 200) : parameters]) if parameters else None
        if word is None or word[1] in _CONTROL:
            continue
        if word[1] == "constructor":
            found.append((at + 1, _constructor(plain, at)))
        else:
            found.append((at + 1, " return __hollow();"))
    return found


def _constructor(plain: str, at: int) -> str:
    """Return what makes an empty object: a class that extends another has to call the other's constructor first."""
    body = _enclosing(plain, at)
    extends = body is not None and _EXTENDING_CLASS.search(plain[max(0, body - 300) : body]) is not None
    return " __hollow(); super(...arguments); return;" if extends else " __hollow(); return;"


def _enclosing(plain: str, at: int) -> int | None:
    depth = 0
    for index in range(at - 1, -1, -1):
        if plain[index] in ")]}":
            depth += 1
        elif plain[index] in "([{":
            depth -= 1
            if depth < 0:
                return index
    return None


def _of_expressions(plain: str) -> list[tuple[int, str]]:
    """Return what is put around the expression that an arrow function is; what is within another is left as it is."""
    found: list[tuple[int, str]] = []
    reached = 0
    for arrow in re.finditer(r"=>\s*", plain):
        at = arrow.end()
        if at < reached or at >= len(plain) or plain[at] == "{":
            continue
        end = _end_of_expression(plain, at)
        found += [(at, "(true ? __hollow() : ("), (end, "))")]
        reached = end
    return found


def _end_of_expression(plain: str, at: int) -> int:
    depth, index = 0, at
    while index < len(plain):
        char = plain[index]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                break
            depth -= 1
        elif (depth == 0 and char in ",;") or (depth == 0 and char == "\n" and _ends_here(plain, at, index)):
            break
        index += 1
    return at + len(plain[at:index].rstrip())


def _ends_here(plain: str, at: int, newline: int) -> bool:
    before, after = plain[at:newline].rstrip(), plain[newline:].lstrip()
    return bool(before) and before[-1] not in _CONTINUES_BEFORE and not (after and after[0] in _CONTINUES_AFTER)
