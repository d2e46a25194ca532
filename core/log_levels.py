"""The levels of the log, and how their names and numbers elsewhere are understood."""

from __future__ import annotations

import logging
from typing import get_args

from core.kinds import LogLevel
from core.text.suggest import did_you_mean

LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)  # from the least severe on

_NAMES_ELSEWHERE: dict[str, LogLevel] = {
    "TRACE": "DEBUG",
    "NOTSET": "DEBUG",
    "SUCCESS": "INFO",
    "WARN": "WARNING",
    "FATAL": "ERROR",
    "CRITICAL": "ERROR",
}


def understood_level(level: str) -> str:
    """Return the level that a name in any case, or a name that other programs use, stands for; else the name itself."""
    name = level.strip().upper()
    return _NAMES_ELSEWHERE.get(name, name)


def log_level(level: str | int) -> LogLevel:
    """Return the level that a name or a number of the standard logging means.

    Raises:
        ValueError: there is no such level.
    """
    if isinstance(level, bool) or not isinstance(level, str | int):
        raise ValueError(f"{level!r} is no log level - the levels are {', '.join(LEVELS)}")  # noqa: TRY004 - as for a wrong name
    if isinstance(level, int) or level.strip().isdecimal():
        return _least_severe_from(int(level))
    name = understood_level(level)
    for known in LEVELS:
        if name == known:
            return known
    raise ValueError(
        f"there is no log level {level!r}{did_you_mean(name, LEVELS)} - the levels are {', '.join(LEVELS)}"
    )


def level_of_number(number: int) -> LogLevel:
    """Return the level of a line that another library gave this number."""
    at_most = [level for level in LEVELS if logging.getLevelNamesMapping()[level] <= number]
    return at_most[-1] if at_most else "DEBUG"


def _least_severe_from(number: int) -> LogLevel:
    at_least = [level for level in LEVELS if logging.getLevelNamesMapping()[level] >= number]
    return at_least[0] if at_least else "ERROR"
