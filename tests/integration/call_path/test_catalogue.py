"""Every scenario of docs/SCENARIOS.md has a test: its number begins the test's name, or the name of one of its cases."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType

import pytest

from tests.integration import call_path, test_pool
from tests.support.repository import ROOT

CATALOGUE = ROOT / "docs" / "SCENARIOS.md"

_NUMBERS = re.compile(r"^(?:test_)?((?:\d+_)*\d+)(?=[_ ]|$)")


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(call_path.__path__, f"{call_path.__name__}."):
        yield importlib.import_module(module.name)
    yield test_pool


def _names(test: Callable[..., object]) -> Iterator[str]:
    yield test.__name__
    for mark in getattr(test, "pytestmark", ()):
        ids = mark.kwargs.get("ids") if mark.name == "parametrize" else None
        if callable(ids):
            cases: Iterable[object] = mark.args[1]
            yield from (str(ids(case)) for case in cases)
        elif ids is not None:
            yield from map(str, ids)


def _numbers(name: str) -> Iterator[int]:
    found = _NUMBERS.match(name)
    if found is not None:
        yield from map(int, found[1].split("_"))


def _tested() -> set[int]:
    tests = [
        value
        for module in _modules()
        for name, value in vars(module).items()
        if name.startswith("test_") and callable(value)
    ]
    return {number for test in tests for name in _names(test) for number in _numbers(name)}


def _listed() -> list[int]:
    """Return the numbers of the catalogue's first column, in order."""
    rows = re.findall(r"^\| (\d[\d, -]*) \|", CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE)
    listed: list[int] = []
    for part in ", ".join(rows).split(", "):
        first, _, last = part.partition("-")
        listed += range(int(first), int(last or first) + 1)
    return listed


def test_every_scenario_has_a_test() -> None:
    listed = _listed()

    assert sorted(listed) == list(range(1, 114))
    assert sorted(set(listed) - _tested()) == []


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_36_37_the_wait", [36, 37]),
        ("44 502 html", [44]),
        ("86", [86]),
        ("test_the_429_way", []),
        ("3 usage", [3]),
        ("inside", []),
    ],
)
def test_numbers_are_read_from_names(name: str, numbers: list[int]) -> None:
    assert list(_numbers(name)) == numbers
