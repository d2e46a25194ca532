"""Which tests a shell script holds: its functions named test_*, or itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEST_FUNCTION = re.compile(
    r"^[ \t]*(?:function[ \t]+(test_\w+)[ \t]*(?:\([ \t]*\))?|(test_\w+)[ \t]*\([ \t]*\))", re.MULTILINE
)
_COMMENT = re.compile(r"(?m)^\s*#.*$")
WHOLE = "script"


@dataclass(frozen=True, slots=True)
class ShellTest:
    """One test: a function of a script, or the whole script, whose function is empty."""

    path: str
    function: str

    @property
    def id(self) -> str:
        return f"{self.path}::{self.function or WHOLE}"


def tests_of(path: str, text: str) -> tuple[ShellTest, ...]:
    """Return the tests of a script. A script that calls its own test functions is one test: it runs them as it wants."""
    names = tuple(dict.fromkeys(found[1] or found[2] for found in _TEST_FUNCTION.finditer(text)))
    rest = _TEST_FUNCTION.sub("", _COMMENT.sub("", text))
    calls_itself = any(re.search(rf"\b{name}\b", rest) for name in names) or re.search(r"\b(?:declare|compgen)\b", rest)
    if not names or calls_itself:
        return (ShellTest(path, ""),)
    return tuple(ShellTest(path, name) for name in names)


def interpreter_of(text: str) -> str:
    """Return the shell that a script asks for: bash, unless its first line names plain sh."""
    first = text.partition("\n")[0]
    return "sh" if first.startswith("#!") and re.search(r"/(?:env\s+)?(?:da)?sh\b", first) else "bash"
