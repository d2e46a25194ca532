# ruff: noqa: RUF001 - typographic quotes, arrows and other scripts are what this is about
"""Examples are found in any form people use, and nothing that is uncertain is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.execution.evidence.examples.example import (
    CommandExample,
    FunctionExample,
    Outcome,
    Prints,
    Raises,
    Returns,
    SessionExample,
    Truthy,
)
from core.execution.evidence.examples.literals import literal_value, source_of
from core.execution.evidence.examples.reader import read_examples

CALLS: list[tuple[str, str, tuple[object, ...], Outcome]] = [
    # doctests
    (">>> f(2)\n4", "f", (2,), Returns(4)),
    (">>> f([1, 2],\n...   3)\n[1,\n 2]", "f", ([1, 2], 3), Returns([1, 2])),
    (">>> f(2) == 4", "f", (2,), Returns(4)),
    (">>> f(2) == 4\nTrue", "f", (2,), Returns(4)),
    (">>> f(2) # the square\n4\nIt squares.", "f", (2,), Returns(4)),
    (">>> f(2)  # => 4", "f", (2,), Returns(4)),
    (">>> f(2) => 4", "f", (2,), Returns(4)),
    (">>> assert f(2) == 4", "f", (2,), Returns(4)),
    (
        '>>> f("x")\nTraceback (most recent call last):\n    ...\nValueError: no number',
        "f",
        ("x",),
        Raises("ValueError"),
    ),
    (">>> f(2)\r\n4\r\n", "f", (2,), Returns(4)),
    # operators
    ("f(2) == 4", "f", (2,), Returns(4)),
    ("assert f(2) == 4, 'wrong'", "f", (2,), Returns(4)),
    ("f(2) ==> 4", "f", (2,), Returns(4)),
    ("f(2) => 4", "f", (2,), Returns(4)),
    ("f(2) -> 4", "f", (2,), Returns(4)),
    ("f(2) --> 4", "f", (2,), Returns(4)),
    ("f(2) ➞ 4", "f", (2,), Returns(4)),
    ("f(2) → 4", "f", (2,), Returns(4)),
    ("f(2) ⇒ 4.", "f", (2,), Returns(4)),
    ("f(2)==>4", "f", (2,), Returns(4)),
    ("f(2) = 4", "f", (2,), Returns(4)),
    ("f(2): 4", "f", (2,), Returns(4)),
    ("f(2) # 4", "f", (2,), Returns(4)),
    ("f(2)  # => 4 (the square)", "f", (2,), Returns(4)),
    ('f(15)   # returns "db1111db"', "f", (15,), Returns("db1111db")),
    ("f(2) // 4", "f", (2,), Returns(4)),
    ("console.log(f(2)); // 4", "f", (2,), Returns(4)),
    ("print(f(2))  # 4", "f", (2,), Returns(4)),
    ("`f(2)` → `4`", "f", (2,), Returns(4)),
    ("- **`f(2)`** returns **`4`**", "f", (2,), Returns(4)),
    ("f([1, 3]) == 1 + 9 = 10", "f", ([1, 3],), Returns(10)),
    ("f(9) == 2**10", "f", (9,), Returns(1024)),
    ("f(1, 3) == 1/4", "f", (1, 3), Returns(0.25)),
    ("f([\n  [1, 2],\n], 1) == [(0, 0)]", "f", ([[1, 2]], 1), Returns([(0, 0)])),
    # words
    ("f(2) returns 4", "f", (2,), Returns(4)),
    ('slugify("A b") gives "a-b".', "slugify", ("A b",), Returns("a-b")),
    ('(e.g. slugify("A b") gives "a-b")', "slugify", ("A b",), Returns("a-b")),
    ("f(2) should return 4, because it squares", "f", (2,), Returns(4)),
    ("f(2) should\n    return 4 and more", "f", (2,), Returns(4)),
    ("calc('2+2') → 4 ✓", "calc", ("2+2",), Returns(4)),
    ("f(2) must be 4", "f", (2,), Returns(4)),
    ("f(2) evaluates to 4", "f", (2,), Returns(4)),
    ("f(2) ergibt 4", "f", (2,), Returns(4)),
    ("f(2) soll 4 zurückgeben", "f", (2,), Returns(4)),
    ("f(2) gibt 4 zurück", "f", (2,), Returns(4)),
    ("f(2) liefert 4", "f", (2,), Returns(4)),
    ("f(2) renvoie 4", "f", (2,), Returns(4)),
    ("f(2) doit renvoyer 4", "f", (2,), Returns(4)),
    ("f(2) devuelve 4", "f", (2,), Returns(4)),
    ("f(2) restituisce 4", "f", (2,), Returns(4)),
    ("f(2) возвращает 4", "f", (2,), Returns(4)),
    ("f(2) 应该返回 4。", "f", (2,), Returns(4)),
    ("f(2) は 4 を返す", "f", (2,), Returns(4)),
    ("f(2) returns 3 but should return 4", "f", (2,), Returns(4)),
    # values
    ("f(2) == true", "f", (2,), Returns(True)),
    ("f(null, [true]) -> null", "f", (None, [True]), Returns(None)),
    ("f(-2) == -0.5", "f", (-2,), Returns(-0.5)),
    ("f(0x1F) == 1e3", "f", (31,), Returns(1000.0)),
    ("f({'a': 1}, {1, 2}) == {'b': (1,)}", "f", ({"a": 1}, {1, 2}), Returns({"b": (1,)})),
    ("f(b'x') == b'y'", "f", (b"x",), Returns(b"y")),
    ("f(set()) == float('inf')", "f", (set(),), Returns(float("inf"))),
    ("slugify(“it's A”) gives “it's-a”", "slugify", ("it's A",), Returns("it's-a")),
    ("f(„a“) → «b»", "f", ("a",), Returns("b")),
    (r'f("a\nb\"c") == "x"', "f", ('a\nb"c',), Returns("x")),
    ("größe('ä') == 'Ä'", "größe", ("ä",), Returns("Ä")),
    ('f("#1") == "=> 2"', "f", ("#1",), Returns("=> 2")),
    # exceptions, truth
    ("f(-1) raises ValueError", "f", (-1,), Raises("ValueError")),
    ("f(-1) should raise a `ValueError`", "f", (-1,), Raises("ValueError")),
    ("f(-1) -> TypeError", "f", (-1,), Raises("TypeError")),
    ("f(-1) wirft einen KeyError", "f", (-1,), Raises("KeyError")),
    ("f(-1)  # raises EmptyStackError", "f", (-1,), Raises("EmptyStackError")),
    ("assert f(2)", "f", (2,), Truthy(True)),
    ("assert not f(2)", "f", (2,), Truthy(False)),
    ("assert f(2) is None", "f", (2,), Returns(None)),
    # input and output
    ("Input: [4,2,3]\nOutput: [2, 1]\nExplanation: 2 is even.", "", ([4, 2, 3],), Returns([2, 1])),
    ("**Input:** `3`\n**Output:** `9`", "", (3,), Returns(9)),
    ("Input: 3, Output: 9", "", (3,), Returns(9)),
    ("input: 3 -> output: 9", "", (3,), Returns(9)),
    ("Input:\n```\n3\n```\nOutput:\n```\n9\n```", "", (3,), Returns(9)),
    ("Eingabe: 3\nAusgabe: 9", "", (3,), Returns(9)),
    ("输入：3\n输出：9", "", (3,), Returns(9)),
    ("For input 3 the output should be 9.", "", (3,), Returns(9)),
    ('For "AB" it should return 1', "", ("AB",), Returns(1)),
    ("For 5, return 120", "", (5,), Returns(120)),
    ("Für die Eingabe 3 soll die Ausgabe 9 sein", "", (3,), Returns(9)),
    ('e.g. "A b" -> "a-b"', "", ("A b",), Returns("a-b")),
    ('Example: "A b" becomes "a-b"', "", ("A b",), Returns("a-b")),
    ("| n | f(n) |\n|---|---|\n| 3 | 9 |", "f", (3,), Returns(9)),
    ("Write f(a, b): f(1, 2) = 3.", "f", (1, 2), Returns(3)),
    ("Examples:\n- 4 -> 'IV'", "", (4,), Returns("IV")),
    ("| input | output |\n|---|---|\n| `3` | `9` |", "", (3,), Returns(9)),
    ("| call | result | note |\n|:--|:-:|--|\n| f(3) | 9 | yes |", "f", (3,), Returns(9)),
]

NAMED = [
    ("Input: arr = [1, 2], k = 1\nOutput: 2", ([1, 2], 1), ("arr", "k")),
    ("Input:\n  grid : [[0],\n   [1]]\n  size : 1\nOutput: 6", ([[0], [1]], 1), ("grid", "size")),
    ('For s = "abc", c = "b" the result should be "ac"', ("abc", "b"), ("s", "c")),
    ("| a | b | expected |\n|---|---|---|\n| 2 | 3 | 5 |", (2, 3), ("a", "b")),
]

UNCERTAIN = [
    ("is_happy(aabb) => False", "is a name"),
    ('bf("Earth", "Mercury") ==> ("Venus")', "lacks its comma"),
    ('f("a") == [("b")]', "lacks its comma"),
    ('f(["a"]) == ""aaa"', "behind the value"),
    ("f(2) == 4 or 5", "behind the value"),
    ("f(2) == 4, 5", "behind the value"),
    ("f(2) is 4 times larger", "behind the value"),
    ("f(2) returns the square", "no value"),
    ("f(2) returns 3 instead of 4", "reads like"),
    ("Currently f(2) returns 3", "reads like"),
    ("f(2) == 4 and later f(2) == 5", "two different outcomes"),
    (">>> f(2)", "no value"),
    (">>> f(2)\nfour", "is a name"),
    (">>> open('x').read()\n'y'", "not allowed"),
    (">>> s = Stack()\n>>> with s: pass\n...\n>>> s.pop()\n3", "more than calls"),
    ("Input: hello\nOutput: olleh", "not made of values"),
    ("| input | output |\n|---|---|\n| hello | olleh |", "no value"),
    ("`python wc.py notes.txt` prints 3", "content is not given"),
    ("$ python calc.py 2 > out\n4", "needs a shell"),
    ("$ python calc.py 2 3\n5\nPlease write tests.", "not certain"),
    ("$ python calc.py 2 3\nHello <name>", "placeholder"),
    ("f(10**10**10) == 1", "too large"),
]

SILENT = [
    "fib(n) == fib(n-1) + fib(n-2)",
    "log(0) is undefined.",
    "def f(x: int = 3) -> int:\n    return x",
    "if is_prime(2) == True:\n    print('prime')",
    "return f(2) == 4",
    "Write a function that reverses a string (in Python 3).",
    "It must not be slow. f(2) is called twice.",
    "Sizes: 1 -> 2",
    "See https://example.org/a(b)=>4",
    "python3 is installed. Write `tool.py`.",
    "$ pip install rich",
    "",
]


@pytest.mark.parametrize(
    ("task", "function", "arguments", "outcome"), CALLS, ids=[ascii(case[0])[:60] for case in CALLS]
)
def test_an_example_is_found(task: str, function: str, arguments: tuple[object, ...], outcome: Outcome) -> None:
    for text in (task, f"Write a function.\n\n{task}\n", f"Write a function.\r\n\r\n{task}"):
        read = read_examples(text)

        assert [entry for entry in read.examples if not isinstance(entry, FunctionExample)] == []
        found = [entry for entry in read.examples if isinstance(entry, FunctionExample)]
        assert [(entry.function, entry.arguments, entry.outcome) for entry in found] == [(function, arguments, outcome)]
        assert read.unread == ()


@pytest.mark.parametrize(("task", "arguments", "names"), NAMED)
def test_the_names_of_arguments_are_kept(task: str, arguments: tuple[object, ...], names: tuple[str, ...]) -> None:
    (found,) = read_examples(task).examples

    assert isinstance(found, FunctionExample)
    assert (found.arguments, found.names) == (arguments, names)


@pytest.mark.parametrize(("task", "reason"), UNCERTAIN)
def test_what_is_uncertain_is_told_and_not_taken(task: str, reason: str) -> None:
    read = read_examples(task)

    assert read.examples == ()
    assert reason in " / ".join(entry.reason for entry in read.unread)


@pytest.mark.parametrize("task", SILENT)
def test_what_is_no_example_is_not_spoken_of(task: str) -> None:
    read = read_examples(task)

    assert (read.examples, read.unread) == ((), ())


def test_several_pairs_in_a_line() -> None:
    read = read_examples("Examples: 'abc' => 'cba', '' => '' and \"x\" -> \"y\"; f(1)==1;f(2)==4")

    found = [entry for entry in read.examples if isinstance(entry, FunctionExample)]
    assert [(entry.arguments, entry.outcome) for entry in found] == [
        (("abc",), Returns("cba")),
        (("",), Returns("")),
        (("x",), Returns("y")),
        ((1,), Returns(1)),
        ((2,), Returns(4)),
    ]


def test_several_in_a_line_and_their_lines() -> None:
    read = read_examples('Write f.\n\nf(1) == 1, f(2) == 4 and f("a", k=3) → "aaa"; f(2) == 4')

    found = [entry for entry in read.examples if isinstance(entry, FunctionExample)]
    assert [(entry.line, entry.arguments, entry.keywords) for entry in found] == [
        (3, (1,), ()),
        (3, (2,), ()),
        (3, ("a",), (("k", 3),)),
    ]


def test_a_doctest_that_makes_an_object_is_one_example() -> None:
    read = read_examples(
        ">>> from stack import Stack\n>>> s = Stack()\n>>> s.push(3)\n>>> s.pop()\n3\n>>> s.pop()\n"
        "Traceback (most recent call last):\nIndexError: empty\n\n>>> t = Stack()\n>>> len(t)\n0"
    )

    (found,) = read.examples
    assert isinstance(found, SessionExample)
    assert [(statement.source, statement.outcome) for statement in found.statements] == [
        ("s = Stack()", None),
        ("s.push(3)", None),
        ("s.pop()", Returns(3)),
        ("s.pop()", Raises("IndexError")),
        ("t = Stack()", None),
        ("len(t)", Returns(0)),
    ]


def test_an_expression_around_calls_and_what_is_printed() -> None:
    read = read_examples(">>> round(area(2), 2)\n12.57\n>>> print(table([1, 2]))\n1\n  2\n\nsorted(f(3)) == [1, 2]")

    statements = [entry.statements[0] for entry in read.examples if isinstance(entry, SessionExample)]
    assert [(statement.source, statement.needs, statement.outcome) for statement in statements] == [
        ("round(area(2), 2)", ("area",), Returns(12.57)),
        ("table([1, 2])", ("table",), Prints("1\n  2")),
        ("sorted(f(3))", ("f",), Returns([1, 2])),
    ]


COMMANDS = [
    ("$ python calc.py 2 + 3\n5", [("calc.py", ("2", "+", "3"), "5", None)]),
    ("```\n$ calc.py 2 3\n5\n6\n```", [("calc.py", ("2", "3"), "5\n6", None)]),
    (
        "```console\n$ todo add milk\n$ todo list\n1 milk\n```",
        [("todo", ("add", "milk"), None, None), ("todo", ("list",), "1 milk", None)],
    ),
    ("`python calc.py 2 + 3` prints 5", [("calc.py", ("2", "+", "3"), "5", None)]),
    ("`python calc.py 2 + 3` should print `5`.", [("calc.py", ("2", "+", "3"), "5", None)]),
    ("`./calc.py 'a b'` outputs \"a-b\"", [("calc.py", ("a b",), "a-b", None)]),
    ("python calc.py 2 3 prints 5", [("calc.py", ("2", "3"), "5", None)]),
    ("python calc.py 2 3 -> 5", [("calc.py", ("2", "3"), "5", None)]),
    ("`python calc.py x` exits with code 2", [("calc.py", ("x",), None, 2)]),
    ("`python -m wc_tool --version` prints `1.0`", [("wc_tool", ("--version",), "1.0", None)]),
    ("$ python calc.py 2 3  # => 5", [("calc.py", ("2", "3"), "5", None)]),
]


@pytest.mark.parametrize(("task", "steps"), COMMANDS)
def test_a_command_line_is_found(task: str, steps: list[tuple[str, tuple[str, ...], str | None, int | None]]) -> None:
    (found,) = read_examples(f"Write a tool.\n\n{task}\n").examples

    assert isinstance(found, CommandExample)
    assert [(step.program, step.arguments, step.prints, step.exit_code) for step in found.steps] == steps


def test_what_is_piped_in_is_the_input() -> None:
    (found,) = read_examples("$ echo 'a b' | python upper.py\nA B").examples

    assert isinstance(found, CommandExample)
    assert found.steps[0].stdin == "a b\n"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=values)
def test_a_value_is_read_as_it_is_written(value: object) -> None:
    assert literal_value(source_of(value)) == value


@given(
    task=st.lists(
        st.sampled_from(
            [*(case[0] for case in CALLS), *(case[0] for case in UNCERTAIN), "\n", "(", '"', "`", "|", "Input:", ">>> "]
        )
        | st.text(max_size=8),
        max_size=8,
    ).map("".join)
)
def test_any_text_is_read_without_an_error(task: str) -> None:
    read = read_examples(task)

    assert all(entry.quote or entry.line for entry in read.unread)


@pytest.mark.timeout(30)
def test_much_hostile_text_takes_no_time() -> None:
    pieces = [
        "f(",
        "f(1) == ",
        "f(1) == 1 and ",
        "Input: 1\n",
        "| a | output |\n|---|---|\n",
        "for 1 ",
        "For x = 1, ",
        ">>> ",
    ]
    pieces += [
        "`python a.py ",
        "python a.py --x",
        "$ ",
        "a -> ",
        '"a" -> ',
        "(1 + ",
        "input 1 ",
        "\n",
        " ",
        *"*`_#>|-+=:.,'\"([{~\\1a→",
    ]
    for piece in pieces:
        read_examples(piece * (40_000 // len(piece)) + "x")
