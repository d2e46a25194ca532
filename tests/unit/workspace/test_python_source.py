"""What a module offers, what it needs, and which names a test only imagines."""

from __future__ import annotations

import pytest

from core.workspace.answers.elisions import find_elisions
from core.workspace.checks.python_source import lost_definitions, python_imports, python_signatures, unresolved_names

MODULE = '''
"""Tasks."""
from __future__ import annotations
import json
from dataclasses import dataclass

LIMIT: int = 10
NAMES = ("a", "b")
_secret = 1

@dataclass(frozen=True)
class Task:
    """One."""
    title: str
    done: bool = False

    @property
    def label(self) -> str:
        return self.title

    def _hidden(self): ...

class Store(dict[str, Task], metaclass=type):
    def __init__(self, path: str, *, indent: int = 2) -> None:
        self.path = path

    async def load(self) -> list[Task]:
        return []

def add(tasks: list[Task], title: str = "x", /, *rest: str, **more: int) -> Task:
    def inner(): ...
    return Task(title)

def _private(): ...

if True:
    def conditional() -> None: ...
'''


def test_signatures_are_read_from_the_tree_in_order() -> None:
    assert python_signatures(MODULE) == (
        "LIMIT: int = 10",
        "NAMES = ('a', 'b')",
        "@dataclass(frozen=True) class Task: title: str; done: bool = False",
        "@property def Task.label(self) -> str",
        "class Store(dict[str, Task], metaclass=type)",
        "def Store.__init__(self, path: str, *, indent: int=2) -> None",
        "async def Store.load(self) -> list[Task]",
        "def add(tasks: list[Task], title: str='x', /, *rest: str, **more: int) -> Task",
        "def conditional() -> None",
    )


@pytest.mark.parametrize("text", ["", "def f(:", "\0", "x = 1"])
def test_a_module_without_public_names_has_no_signatures(text: str) -> None:
    assert python_signatures(text) == ()


def test_a_signature_is_one_short_line() -> None:
    (line,) = python_signatures(f"NAMES = {['x' * 50] * 50}\n")

    assert len(line) <= 240
    assert "\n" not in line


def test_third_party_imports_are_told_from_our_own_and_the_standard_library() -> None:
    text = (
        "import os, click\nimport requests.adapters\nfrom yaml import load\nfrom . import x\nfrom todo.core import y\n"
    )

    assert python_imports(text, ["todo.core"]) == ("click", "requests", "yaml")
    assert python_imports("import (") == ()


TODO = {
    "todo/__init__.py": "from todo.core import add\n",
    "todo/core.py": "import json\nclass Store:\n    def save(self): ...\nfor x in (1,): pass\ndef add(a): ...\nA, B = 1, 2\n",
}


@pytest.mark.parametrize(
    ("test", "missing"),
    [
        ("from todo.core import add, Store, A, B, json, x\n", ()),
        ("from todo import add, core\n", ()),
        ("from todo.core import remove\n", ("todo.core.remove",)),
        ("from todo.core import save\n", ("todo.core.save",)),
        ("from todo.core import a\n", ("todo.core.a",)),
        ("from todo.cli import main\n", ("todo.cli",)),
        ("import todo.cli\n", ("todo.cli",)),
        ("import todo\ntodo.add(1)\ntodo.core\ntodo.gone()\n", ("todo.gone",)),
        ("from todo import core as c\nc.add(1)\nc.gone()\n", ("todo.core.gone",)),
        ("from todo import core\ndef f(core):\n    core.gone()\n", ()),
        ("from todo import core\ncore = fake()\ncore.gone()\n", ()),
        ("from todo.core import *\n", ()),
        ("import pytest\nfrom os import path, nothing\n", ()),
        ("from .core import gone\n", ()),
        ("not python (", ()),
    ],
)
def test_names_a_test_only_imagines_are_found(test: str, missing: tuple[str, ...]) -> None:
    assert unresolved_names(test, TODO) == missing


@pytest.mark.parametrize("text", ["def broken(:", "from x import *\n", "def __getattr__(name): ...\n"])
def test_a_module_we_cannot_judge_has_every_name(text: str) -> None:
    assert unresolved_names("from m import anything\n", {"m": text}) == ()


@pytest.mark.parametrize("key", ["app.core", "app/core.py", "src/app/core.py"])
def test_modules_may_be_given_by_name_or_path(key: str) -> None:
    assert unresolved_names("from app.core import a, b\n", {key: "a = 1\n"}) == ("app.core.b",)


DEEP = {
    "elif": "if 1: pass\n" + "elif 1: pass\n" * 1000,
    "sum": "X = " + "1+" * 900 + "1\n",
    "calls": "f" + "()" * 900 + "\n",
    "attributes": "x" + ".a" * 900 + "\n",
    "lambdas": "lambda:" * 900 + "1\n",
    "minus": "-" * 100_000 + "1\n",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_deeply_nested_code_breaks_nothing(text: str) -> None:
    assert len(python_signatures(text)) <= 1
    assert python_imports(text) == ()
    assert len(unresolved_names("from m import gone\n", {"m": text})) <= 1
    assert find_elisions("a.py", text) == ()


FOUR = "def a(): ...\nasync def b(): ...\nclass C: ...\nif True:\n    def d(): ...\n"


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (FOUR, ()),
        ("def a(): ...\nclass C: ...\n", ()),
        ("def a():\n    return 1\n", ("b", "C", "d")),
        ("def other(): ...\n", ("a", "b", "C", "d")),
    ],
)
def test_a_rewrite_that_loses_most_of_a_module_is_noticed(after: str, lost: tuple[str, ...]) -> None:
    assert lost_definitions(FOUR, after) == lost


@pytest.mark.parametrize("before", ["", "def broken(:", "def a(): ...\ndef b(): ...\ndef c(): ...\n"])
def test_a_small_module_may_be_written_anew(before: str) -> None:
    assert lost_definitions(before, "x = 1\n") == ()
