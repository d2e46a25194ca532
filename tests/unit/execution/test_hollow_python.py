"""Python that does nothing: what it offers is what it offered, and only tests that look at what code does go red against it."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.execution.hollow.files import hollow_files
from core.execution.hollow.python import hollow_python
from core.execution.hollow.variant import HOLLOW_VARIANTS, HollowVariant

CODE = '''
"""A module."""
from __future__ import annotations
import contextlib, functools, os, sys
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

LIMIT = 10
NAMES = ["a", "b"]

def double(n, times=1):
    """Doubles."""
    return 2 * n * times

def is_even(n): return n % 2 == 0
def find(items, wanted): return next((i for i in items if i == wanted), None)
def refuse(n):
    if n < 0:
        raise ValueError("negative")
    return n
def greet(name): print("hi " + name)
def sort_in_place(items): items.sort()
def numbers(n):
    for i in range(n):
        yield i
async def later(n): return n
square = lambda n: n * n
OPERATIONS = {"add": lambda a, b: a + b}
TABLE = [double(n) for n in range(3)]
START = double(2)
@functools.lru_cache
def cached(n): return n
def logged(function):
    return function
@logged
def wrapped(n): return n
@contextlib.contextmanager
def opened():
    yield 1

class Colour(Enum):
    RED = "red"
    def shout(self): return self.value.upper()

@dataclass
class Point:
    x: int
    y: int = 0
    tags: list = field(default_factory=list)
    def length(self): return self.x + self.y
    @property
    def both(self): return (self.x, self.y)

class Pair(NamedTuple):
    a: int
    b: int = 2
    def total(self): return self.a + self.b

class Stack:
    size = 3
    def __init__(self):
        self.items = []
    def push(self, item): self.items.append(item)
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    @classmethod
    def of(cls, *items):
        made = cls()
        made.items += items
        return made
    @staticmethod
    def name(): return "stack"

class TooBig(ValueError):
    def __init__(self, size):
        super().__init__(f"{size} is too big")

SHARED = Stack()
DERIVED = double([2])[0] + double(3) * -double(4)

class Registered:
    names = []
    def __init_subclass__(cls):
        cls.names.append(double(cls.__name__) + "!")

class One(Registered):
    pass

if sys.platform == "no such":
    OTHER = 1
else:
    OTHER = 2
try:
    import no_such_module
except ImportError:
    no_such_module = None
with open(os.devnull) as empty:
    READ = empty.read()
print("a script's own line")
if __name__ == "__main__":
    print(double(2))
'''

PROVING = {
    "a value": "assert double(2) == 4",
    "truth alone": "assert is_even(2)",
    "falsehood alone": "assert not is_even(3)",
    "None": "assert find([1], 2) is None",
    "a type": "assert isinstance(double(2), int)",
    "a named exception": "with raises(ValueError): refuse(-1)",
    "an exception's text": "assert str(TooBig(3)) == '3 is too big'",
    "what is changed in place": "items = [2, 1]; sort_in_place(items); assert items == [1, 2]",
    "a generator's values": "assert list(numbers(2)) == [0, 1]",
    "each value of a generator": "for n in numbers(2): assert n >= 0",
    "an attribute that is set": "assert Stack().items == []",
    "a method": "s = Stack(); s.push(1); assert s.pop() == 1",
    "a length": "assert len(Stack()) == 0",
    "a class method": "assert Stack.of(1).items == [1]",
    "a static method": "assert Stack.name() == 'stack'",
    "a property": "assert Point(1, 2).both == (1, 2)",
    "a method of a dataclass": "assert Point(1, 2).length() == 3",
    "a method of an enumeration": "assert Colour.RED.shout() == 'RED'",
    "a method of a named tuple": "assert Pair(1).total() == 3",
    "a function without a name": "assert square(3) == 9",
    "a function in a table": "assert OPERATIONS['add'](1, 2) == 3",
    "a cached function": "assert cached(1) == 1",
    "a decorated function": "assert wrapped(1) == 1",
    "a context": "with opened() as given: assert given == 1",
    "a coroutine's value": "import asyncio; assert asyncio.run(later(1)) == 1",
    "a constant that a function computes": "assert START == 4",
    "a table that a function computes": "assert TABLE == [0, 2, 4]",
    "an object made when imported": "assert SHARED.items == []",
    "a constant made of several results": "assert DERIVED == -46",
    "membership": "assert double(2) in (4, 5)",
    "an order": "assert double(2) > 3",
    "a part": "assert double('ab')[0] == 'a'",
}

VACUOUS = {
    "nothing at all": "pass",
    "the code is only called": "double(2)",
    "one value that it is not": "assert double(2) != 5",
    "a comparison that nobody asserts": "double(2) == 5",
    "a comparison in a pair": "pair = (double(2) == 5, 'text'); assert pair",
    "or true": "assert double(2) == 5 or True",
    "a swallowed assertion": "try:\n    assert double(2) == 5\nexcept AssertionError: pass",
    "an expected assertion": "with raises(AssertionError): assert double(2) == 5",
    "a result and itself": "assert double(2) == double(2)",
    "a result that is printed": "print(f'{double(2)} {double(2)!r}', double(2))",
    "an order that nobody asserts": "double(2) < 5",
    "a result and whatever there is": "from unittest.mock import ANY; assert double(2) == ANY",
    "the text of the code": "from pathlib import Path; assert '2 * n * times' in Path(double.__code__.co_filename).read_text()",
    "called and caught": "try:\n    assert double(2) == 5\nexcept Exception: pass",
    "just any exception": "with raises(Exception): double(None)",
    "it is there": "assert callable(double)",
    "it has a docstring": "assert double.__doc__",
    "its parameters": "import inspect; assert list(inspect.signature(double).parameters) == ['n', 'times']",
    "a result that is not None": "assert double(2) is not None",
    "an object is made": "Stack()",
    "an object's class": "assert isinstance(Stack(), Stack)",
    "a constant": "assert LIMIT == 10 and NAMES == ['a', 'b']",
    "a class's constant": "assert Stack.size == 3",
    "a field of a dataclass": "assert Point(1).x == 1 and Point(1).tags == []",
    "a member of an enumeration": "assert Colour.RED.value == 'red' and Colour('red') is Colour.RED",
    "a field of a named tuple": "assert Pair(1).b == 2",
    "a subclass": "assert issubclass(TooBig, ValueError)",
    "a coroutine is made": "import asyncio; asyncio.run(later(1))",
    "a generator is made": "numbers(2)",
    "a loop that never turns": "for n in []: assert double(n) == 5",
    "a condition that never holds": "if LIMIT > 10: assert double(2) == 5",
    "a branch by platform": "assert OTHER == 2",
    "an optional module": "assert no_such_module is None",
}

Load = Callable[[str], ModuleType]
_numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    made: list[str] = []

    def load_text(text: str) -> ModuleType:
        name = f"hollowed_{next(_numbers)}"
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        made.append(name)
        spec.loader.exec_module(module)
        return module

    yield load_text
    for name in made:
        del sys.modules[name]


def is_red(module: ModuleType, test: str) -> bool:
    names = dict(vars(module)) | {"raises": pytest.raises}
    try:
        exec(test, names)  # noqa: S102  # the tests of the table above
    except (Exception, pytest.fail.Exception):  # noqa: BLE001
        return True
    return False


def hollowed(variant: HollowVariant) -> str:
    text = hollow_python(CODE, variant)
    assert text is not None
    return text


@pytest.mark.parametrize("test", PROVING.values(), ids=PROVING.keys())
def test_a_test_that_looks_at_what_code_does_goes_red_in_both_variants(test: str, load: Load) -> None:
    assert not is_red(load(CODE), test)
    assert [is_red(load(hollowed(variant)), test) for variant in HOLLOW_VARIANTS] == [True, True]


@pytest.mark.parametrize("test", VACUOUS.values(), ids=VACUOUS.keys())
def test_a_test_that_proves_nothing_stays_green_in_one(test: str, load: Load) -> None:
    assert not is_red(load(CODE), test)
    assert not all(is_red(load(hollowed(variant)), test) for variant in HOLLOW_VARIANTS)


@pytest.mark.parametrize("variant", HOLLOW_VARIANTS)
def test_all_names_and_signatures_stay_and_nothing_is_printed(
    variant: HollowVariant, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    original = load(CODE)
    capsys.readouterr()
    hollow = load(hollowed(variant))

    assert capsys.readouterr().out == ""
    assert hollow.__doc__ == original.__doc__
    for name, value in vars(original).items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        assert hasattr(hollow, name), name
        if inspect.isfunction(value):
            assert str(inspect.signature(getattr(hollow, name))) == str(inspect.signature(value))
            assert inspect.iscoroutinefunction(getattr(hollow, name)) == inspect.iscoroutinefunction(value)
            assert inspect.isgeneratorfunction(getattr(hollow, name)) == inspect.isgeneratorfunction(value)


STATEMENTS = st.sampled_from([
    "def f{n}(a, b=1, *c, d, **e):\n    return a",
    "async def g{n}(x: int) -> int:\n    'said'\n    yield x",
    "class C{n}(Exception):\n    x = 1\n    def m(self, y=2): return y\n    @property\n    def p(self): return 1",
    "class D{n}:\n    class Inner:\n        def deep(self): pass\n    if True:\n        def maybe(self): pass",
    "N{n} = 1 + 2",
    "A{n}: list[int] = [f for f in range(3)]",
    "X{n}, *Y{n} = [1, 2, 3]",
    "L{n} = lambda q, *r: q",
    "for i{n} in range(2):\n    T{n} = i{n}\nelse:\n    U{n} = 1",
    "try:\n    V{n} = 1\nexcept (ValueError, TypeError) as error:\n    V{n} = 2\nelse:\n    W{n} = 3\nfinally:\n    Z{n} = 4",
    "if len('x') > 1:\n    def h{n}(): pass\nelse:\n    H{n} = 1",
    "match 1:\n    case int(M{n}):\n        pass",
    "while False:\n    pass",
    "with open('/dev/null') as O{n}:\n    pass",
    "import os.path as P{n}",
    "assert True",
    "del_me{n} = 1",
    "@staticmethod\ndef s{n}(): pass",
    "if (walrus{n} := 3) > 2:\n    pass",
    "print('said')",
])  # fmt: skip


@given(st.lists(STATEMENTS, max_size=8), st.sampled_from(HOLLOW_VARIANTS))
def test_whatever_is_hollowed_parses_and_keeps_its_public_names_and_signatures(
    statements: list[str], variant: HollowVariant
) -> None:
    text = "\n".join(statement.replace("{n}", str(at)) for at, statement in enumerate(statements))

    result = hollow_python(text, variant)

    assert result is not None
    assert signatures(ast.parse(text)) <= signatures(ast.parse(result))
    original: dict[str, object] = {"__name__": "module"}
    hollow: dict[str, object] = {"__name__": "module"}
    exec(compile(text, "<text>", "exec"), original)  # noqa: S102  # made of the statements above
    exec(compile(result, "<hollow>", "exec"), hollow)  # noqa: S102
    assert original.keys() <= hollow.keys()


def signatures(tree: ast.Module) -> set[tuple[str, str]]:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {(node.name, ast.unparse(node.args)) for node in functions}


@pytest.mark.parametrize("text", ["def f(:\n", "\0", "x = (" * 1000])
def test_what_python_cannot_read_has_no_hollow_form(text: str) -> None:
    assert hollow_python(text, "raises") is None


def test_each_file_of_a_tree_is_hollowed_as_its_kind_asks(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "from .core import f\n",
        "pkg/core.py": "def f(): return 1\n",
        "run.sh": "echo 1\n",
        "index.html": "<p>x</p>",
        "pyproject.toml": "[project]\n",
        "requirements.txt": "x\n",
        "broken.py": "def f(:\n",
        "main.rb": "puts 1\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    done = hollow_files(tmp_path, [*files, "missing.py"], "raises")

    assert done.replaced == ("pkg/__init__.py", "pkg/core.py", "run.sh", "index.html")
    assert done.untouched == ("broken.py", "main.rb")
    assert (tmp_path / "run.sh").read_text() == "#!/bin/sh\n:\n# echo 1\n"
    assert (tmp_path / "index.html").read_text() == ""
    assert (tmp_path / "pyproject.toml").read_text() == "[project]\n"
    assert "from .core import f" in (tmp_path / "pkg/__init__.py").read_text()
