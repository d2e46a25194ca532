"""Finds the lines of a config.toml on which its settings stand; the parser of the standard library does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""(?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}(?!\")|'{3}.*?'{3,5}(?!')|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"""|(?P<skip>\#[^\n]*|[ \t\r]+)|(?P<mark>[][{}=.,\n])|(?P<bare>[^][{}=.,\n\s"'\#]+)""",
    re.DOTALL,
)


def lines_of(text: str) -> Mapping[Path, int]:
    """Return the line of every table and setting of a valid TOML text by its path: ("llm", "fallbacks", 0, "model").

    What stands inside an inline table or an array has the line of the setting, and no entry of its own.
    """
    scan = _Scan()
    line = 1
    for token in _TOKEN.finditer(text):
        if token.lastgroup != "skip":
            scan.take(token.group(), token.lastgroup == "mark", line)
        line += token.group().count("\n")
    return scan.lines


def lines_below(lines: Mapping[Path, int]) -> Mapping[Path, Mapping[Path, int]]:
    """Return by each path the lines of what stands there and inside it, by the rest of their paths, the first one first."""
    below: dict[Path, dict[Path, int]] = {}
    for path, line in lines.items():
        for length in range(1, len(path) + 1):
            below.setdefault(path[:length], {})[path[length:]] = line
    return below


class _Scan:
    """Follows the statements: a header in brackets, or names up to the first equals sign and then a value."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._table: Path = ()
        self._lists: dict[Path, int] = {}
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
            self.lines[(*self._table, *map(_plain, self._names))] = line
            self._in_value = True

    def _enter(self, *, is_list: bool) -> None:
        path: Path = ()
        for name in map(_plain, self._names):
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


def _plain(name: str) -> str:
    """Return a name without its quotes."""
    if name[0] not in "\"'":
        return name
    return str(tomllib.loads(f"name = {name}")["name"])
