"""Results as lines of JSON that a later start goes on from, and the figures made of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

Z_95 = 1.959964


class Records:
    """One line a result; a line that was cut off by a kill is left out and its result made again."""

    def __init__(self, path: Path, key: Callable[[dict[str, Any]], tuple[object, ...]]) -> None:
        self._path = path
        self._key = key
        self._by_key: dict[tuple[object, ...], dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                    self._by_key[key(record)] = record
                except (ValueError, KeyError, TypeError):
                    continue
            path.write_text("".join(f"{json.dumps(record)}\n" for record in self._by_key.values()), encoding="utf-8")

    def __contains__(self, key: tuple[object, ...]) -> bool:
        return key in self._by_key

    def __iter__(self) -> Any:
        return iter(self._by_key.values())

    def get(self, key: tuple[object, ...]) -> dict[str, Any] | None:
        """Return the result with a key, if it was made."""
        return self._by_key.get(key)

    def add(self, record: dict[str, Any]) -> None:
        """Keep a result, on disk at once."""
        self._by_key[self._key(record)] = record
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share after Wilson."""
    if count == 0:
        return 0.0, 1.0
    share = successes / count
    spread = Z_95 * math.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2))
    middle, scale = share + Z_95**2 / (2 * count), 1 + Z_95**2 / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def share_words(successes: int, count: int) -> str:
    """Return a share with its counts and interval, "18/24 = 75 % (55-88)"."""
    if count == 0:
        return "0/0"
    low, high = wilson(successes, count)
    return f"{successes}/{count} = {100 * successes / count:.0f} % ({100 * low:.0f}-{100 * high:.0f})"
