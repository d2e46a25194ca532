"""Hollows Go and Rust: each function panics before it does anything else, and a program's main function ends at once.

What a function did is left behind that, so that its types, its imports and its variables stay used and the copy compiles.
"""

from __future__ import annotations

import re

from core.execution.hollow.mask import masked, matching
from core.execution.hollow.python_prelude import MARK

_GO_FUNCTION = re.compile(r"^func\b[^\n]*", re.MULTILINE)
_RUST_FUNCTION = re.compile(r"(?P<const>\bconst\s+(?:unsafe\s+)?)?\bfn\s+(?P<name>\w+)")
_RUST_TESTS = re.compile(r"#\[\s*(?:cfg\s*\(\s*test\s*\)|test|tokio::test)[^\]]*\][^{;]*\{")
_PANIC = f'if true {{ panic!("{MARK}: this copy of the code does nothing") }}'


def hollow_go(text: str) -> str:
    """Return a file whose functions panic."""
    plain = masked(text, "go")
    places = []
    for function in _GO_FUNCTION.finditer(plain):
        opening = _go_body(plain, function.start() + len("func"))
        if opening is not None:
            is_main = re.match(r"func\s+(?:main|init)\s*\(", function[0]) is not None
            does = "return" if is_main else f'panic("{MARK}: this copy of the code does nothing")'
            places.append((opening + 1, f" if true {{ {does} }};"))
    return _inserted(text, places)


def hollow_rust(text: str) -> str:
    """Return a file whose functions panic; tests beside the code, and what has to be computed by the compiler, stay."""
    plain = masked(text, "rust")
    tests = [
        (found.start(), matching(plain, found.end() - 1, 1) or len(plain)) for found in _RUST_TESTS.finditer(plain)
    ]
    places = []
    for function in _RUST_FUNCTION.finditer(plain):
        at = function.start()
        if function["const"] or any(start <= at <= end for start, end in tests):
            continue
        opening = _rust_body(plain, function.end())
        if opening is not None:
            does = "if true { std::process::exit(0) }" if function["name"] == "main" else _PANIC
            places.append((opening + 1, f" {does} "))
    return _inserted(text, places)


def _go_body(plain: str, at: int) -> int | None:
    """Return where a function's block begins: after its receiver, its parameters and what it returns."""
    while at < len(plain):
        if plain[at] in "([":
            end = matching(plain, at, 1)
            if end is None:
                return None
            at = end
        elif plain[at] == "\n":
            return None  # declared here and written elsewhere
        elif plain[at] == "{":
            is_type = re.search(r"\b(?:interface|struct)\s*$", plain[max(0, at - 40) : at]) is not None
            if not is_type:
                return at
            end = matching(plain, at, 1)
            if end is None:
                return None
            at = end
        at += 1
    return None


def _rust_body(plain: str, at: int) -> int | None:
    while at < len(plain):
        if plain[at] in "([":
            end = matching(plain, at, 1)
            if end is None:
                return None
            at = end
        elif plain[at] == ";":
            return None
        elif plain[at] == "{":
            return at
        at += 1
    return None


def _inserted(text: str, places: list[tuple[int, str]]) -> str:
    parts, at = [], 0
    for place, inserted in sorted(places):
        parts += [text[at:place], inserted]
        at = place
    return "".join([*parts, text[at:]])
