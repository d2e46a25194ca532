"""Parses a config.toml, and finds the lines on which its settings stand, which the standard library does not tell.

Within limits that no configuration reaches: a strange file must not stop or hang us.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

TomlPath = tuple[str | int, ...]
"""Leads to a table or a setting: ("llm", "fallbacks", 0, "model")."""

MAX_DEPTH = 50  # of tables and lists in each other
MAX_INTEGER_BITS = 64  # as TOML has it

TOO_DEEP = "nested too deeply"
TOO_LONG = "holds a number that is too long"

_LONG_NAME = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){{{MAX_DEPTH}}}")

_TOKEN = re.compile(
    r"""(?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}(?!\")|'{3}.*?'{3,5}(?!')|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"""|(?P<skip>\#[^\n]*|[ \t\r]+)|(?P<mark>[][{}=.,\n])|(?P<bare>[^][{}=.,\n\s"'\#]+)""",
    re.DOTALL,
)


class NotTomlError(Exception):
    """The text cannot be used; `line` and `column` are None where the parser does not tell."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.line = line
        self.column = column


def parse_toml(text: str) -> dict[str, Any]:  # as tomllib has it
    """Return the tables of a config.toml; raises NotTomlError."""
    # Before the parser sees it: for a name of many parts it needs quadratic time.
    if _LONG_NAME.search(text):
        raise NotTomlError(TOO_DEEP)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _with_place(str(error), text) from None
    except RecursionError:
        raise NotTomlError(TOO_DEEP) from None
    except ValueError:  # of int(), for thousands of digits
        raise NotTomlError(TOO_LONG) from None
    _check_limits(tables, 0)
    return tables


def lines_of(text: str) -> Mapping[TomlPath, int]:
    """Return the line of every table and setting of a valid TOML text by its path: ("llm", "fallbacks", 0, "model").

    What stands inside an inline table or an array has the line of the setting, and no entry of its own.
    """
    scan = _LineScan()
    line = 1
    for token in _TOKEN.finditer(text):
        if token.lastgroup != "skip":
            scan.take(token.group(), token.lastgroup == "mark", line)
        line += token.group().count("\n")
    return scan.lines


def lines_below(lines: Mapping[TomlPath, int]) -> Mapping[TomlPath, Mapping[TomlPath, int]]:
    """Return by each path the lines of what stands there and inside it, by the rest of their paths, the first one first."""
    below: dict[TomlPath, dict[TomlPath, int]] = {}
    for path, line in lines.items():
        for length in range(1, len(path) + 1):
            below.setdefault(path[:length], {})[path[length:]] = line
    return below


def _with_place(message: str, text: str) -> NotTomlError:
    reason, _, place = message.rpartition(" (at ")
    found = re.fullmatch(r"line (\d+), column (\d+)\)", place)
    if found:
        return NotTomlError(reason, int(found[1]), int(found[2]))
    lines = text.split("\n")
    return NotTomlError(reason or message, len(lines), len(lines[-1]) + 1)


def _check_limits(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotTomlError(TOO_DEEP)
    if isinstance(value, Mapping):
        for item in value.values():
            _check_limits(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_limits(item, depth + 1)
    elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise NotTomlError(TOO_LONG)


class _LineScan:
    """Follows the statements: a header in brackets, or names up to the first equals sign and then a value."""

    def __init__(self) -> None:
        self.lines: dict[TomlPath, int] = {}
        self._table: TomlPath = ()
        self._lists: dict[TomlPath, int] = {}
        self._names: list[str] = []
        self._open = 0
        self._in_value = False

    def take(self, text: str, is_mark: bool, line: int) -> None:
        if is_mark:
            self._take_mark(text, line)
        elif not self._in_value:
            self._names.append(text)

    def _take_mark(self, mark: str, line: int) -> None:
        if mark == "\n" and not self._open:
            self._names = []
            self._in_value = False
        elif mark in "[{":
            self._open += 1
        elif mark in "]}":
            self._open -= 1
            if not self._in_value and self._names:
                self._enter(is_list=self._open > 0)
                self.lines.setdefault(self._table, line)
        elif mark == "=" and not self._in_value:
            self.lines[(*self._table, *map(_unquoted, self._names))] = line
            self._in_value = True

    def _enter(self, *, is_list: bool) -> None:
        path: TomlPath = ()
        for name in map(_unquoted, self._names):
            if path in self._lists:
                path = (*path, self._lists[path])
            path = (*path, name)
        if is_list:
            self._lists[path] = self._lists.get(path, -1) + 1
            path = (*path, self._lists[path])
        elif path in self._lists:
            path = (*path, self._lists[path])
        self._table = path
        self._names = []  # the second bracket of [[ ]] closes nothing more


def _unquoted(name: str) -> str:
    """Return a name without its quotes."""
    if name[0] not in "\"'":
        return name
    return str(tomllib.loads(f"name = {name}")["name"])
