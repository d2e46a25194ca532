"""Parses a config.toml within limits that no configuration reaches: a strange file must not stop or hang us."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 50  # of tables and lists in each other
MAX_INTEGER_BITS = 64  # as TOML has it

TOO_DEEP = "nested too deeply"
TOO_LONG = "holds a number that is too long"

_LONG_NAME = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){{{MAX_DEPTH}}}")


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
