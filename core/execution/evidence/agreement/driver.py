"""Runs inside a sandbox: calls one function on many inputs and prints what came of each as a line of JSON.

It is started as a program with the standard library alone; the request, a JSON object, comes on its standard input. What the
called code prints goes nowhere. An input that takes too long is given up, so that one endless loop does not cost the others.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import os
import re
import signal
import sys
from types import FrameType
from typing import Any

MOST_CHARACTERS = 20_000
MOST_ITEMS = 1_000
# What the request's own values are written with beside literals.
NAMES = {"__builtins__": {}, "float": float, "set": set}


class OutOfTimeError(BaseException):
    """One call took too long; no `except Exception` of the called code stops it."""


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    sys.path[:0] = request["search_path"]
    sys.argv = ["program"]
    sys.setrecursionlimit(5_000)

    def tell(index: int, result: dict[str, str]) -> None:
        lines.write(json.dumps({"index": index, **result}) + "\n")
        lines.flush()

    try:
        function = find_function(request)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the result
        tell(-1, {"raises": type(error).__name__})
        return
    for index, (arguments, keywords) in enumerate(request["inputs"]):
        tell(index, result_of(function, arguments, keywords, request))
    lines.close()
    # Threads and handlers that the called code left must not keep this process.
    os._exit(0)


def find_function(request: dict[str, Any]) -> Any:
    module = importlib.import_module(request["module"])
    if request["method_of"]:
        return getattr(getattr(module, request["method_of"])(), request["function"])
    return getattr(module, request["function"])


def result_of(function: Any, arguments: str, keywords: str, request: dict[str, Any]) -> dict[str, str]:
    given = eval(arguments, dict(NAMES))  # noqa: S307 - written by us from values, and this is the sandbox
    named = eval(keywords, dict(NAMES))  # noqa: S307 - as above
    start_timer(request["seconds_an_input"])
    try:
        value = function(*given, **named)
        if request["is_async"]:
            value = asyncio.run(value)
        if hasattr(value, "__next__") or isinstance(value, range | map | filter | zip):
            value = list(itertools.islice(value, MOST_ITEMS))
        return described(value)
    except OutOfTimeError:
        return {"out_of_time": "yes"}
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the result
        return {"raises": type(error).__name__}
    finally:
        start_timer(0)


def start_timer(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, out_of_time)
        # It rings again: the called code may catch everything and go on.
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.05 if seconds else 0)


def out_of_time(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTimeError


def described(value: object) -> dict[str, str]:
    if is_plain(value):
        text = written(value)
        if len(text) <= MOST_CHARACTERS:
            return {"value": text}
    return {"object": re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))[:MOST_CHARACTERS]}


def is_plain(value: object) -> bool:
    kind = type(value)
    if kind in (list, tuple, set):
        return all(is_plain(item) for item in value)  # type: ignore[attr-defined]
    if kind is dict:
        return all(is_plain(key) and is_plain(item) for key, item in value.items())  # type: ignore[attr-defined]
    return value is None or kind in (bool, int, float, complex, str, bytes)


def written(value: Any) -> str:
    """Return a plain value as a literal; `repr` writes infinity as a name."""
    kind = type(value)
    if kind is float and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    if kind is list:
        return "[" + ", ".join(written(item) for item in value) + "]"
    if kind is tuple:
        return "(" + "".join(f"{written(item)}, " for item in value) + ")"
    if kind is dict:
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"
    if kind is set:
        return "{" + ", ".join(sorted(written(item) for item in value)) + "}" if value else "set()"
    return repr(value)


if __name__ == "__main__":
    main()
