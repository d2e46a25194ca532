"""The test file made of the task's examples: it is right, it goes red where it must, and no foreign text becomes code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.execution.evidence.examples.example import (
    CommandExample,
    CommandStep,
    FunctionExample,
    Raises,
    Returns,
    SessionExample,
    Statement,
    TaskExample,
)
from core.execution.evidence.examples.example_tests import TESTS_PATH, build_example_tests
from core.execution.evidence.examples.reader import read_examples

TASK = """\
>>> double(2)
4
halve(3) == 1.5, twice("a", n=3) returns "aaa"; third(1) == 0.333
nothing() -> None, is_even(2) == true, digits(12) == {1, 2}
double("x") raises ValueError
later(2) == 3
pairs([1, 2]) == {"a": [0.1, (2.5,)]}
>>> s = Stack()
>>> s.push(3)
>>> s.pop()
3
>>> s.pop()
Traceback (most recent call last):
EmptyError: nothing left
>>> print(table())
a
  b

`python calc.py 2 + 3` prints 5
`calc.py x` exits with code 2
"""
CODE = """
import sys
class EmptyError(Exception): ...
class Stack:
    def __init__(self): self.items = []
    def push(self, item): self.items.append(item)
    def pop(self):
        if not self.items: raise EmptyError("nothing left")
        return self.items.pop()
def double(x):
    if isinstance(x, str): raise ValueError(x)
    return 2 * x
def halve(x): return x / 2 + 1e-12
def third(x): return x / 3
def twice(text, n=2): return text * n
def nothing(): return None
def is_even(n): return n % 2 == 0
def digits(n): return {int(d) for d in str(n)}
async def later(n): return n + 1
def pairs(items): return {"a": [0.1 + 1e-12, (2.5,)]}
def table(): return "a\\n  b"
if __name__ == "__main__":
    if len(sys.argv) < 3: sys.exit(2)
    print(int(sys.argv[1]) + int(sys.argv[3]))
"""


def execute(folder: Path, files: dict[str, str]) -> tuple[int, str]:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:langsmith_plugin", TESTS_PATH],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_right_code_is_green_and_wrong_code_is_red_in_every_test(tmp_path: Path) -> None:
    read = read_examples(TASK)
    tests = build_example_tests(read.examples, {"calc.py": CODE})
    hollow = "\n".join(
        f"{'async ' if name == 'later' else ''}def {name}(*a, **k): raise NotImplementedError"
        for name in ("double", "halve", "third", "twice", "nothing", "is_even", "digits", "later", "pairs", "table")
    )
    empty = f"class EmptyError(Exception): ...\nclass Stack:\n    def push(self, item): ...\n    def pop(self): ...\n{hollow}\n"

    assert (read.unread, tests.unresolved) == ((), ())
    assert len(tests.used) == 14
    code, output = execute(tmp_path / "right", {"calc.py": CODE, TESTS_PATH: tests.text})
    assert code == 0, output
    code, output = execute(tmp_path / "hollow", {"calc.py": empty, TESTS_PATH: tests.text})
    assert code == 1
    assert "14 failed" in output


def test_a_module_that_cannot_be_imported_makes_tests_red_and_the_file_still_collects(tmp_path: Path) -> None:
    tests = build_example_tests(read_examples("f(2) == 4").examples, {"square.py": "def f(x): return x * x"})

    code, output = execute(tmp_path, {"square.py": "import nonsense_that_is_not_there", TESTS_PATH: tests.text})

    assert code == 1
    assert "1 failed" in output


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("src/shapes/area.py", "square(2) == 4"),
        ("shapes/area.py", "square(2) == 4"),
        ("shapes/__init__.py", "square(2) == 4"),
        ("area.py", "area.square(2) == 4"),
        ("area.py", ">>> import area\n>>> area.square(2)\n4"),
    ],
)
def test_packages_and_source_folders_are_imported(tmp_path: Path, path: str, task: str) -> None:
    files = {path: "def square(x):\n    return x * x\n"}
    if path.startswith("src/"):
        files["src/shapes/__init__.py"] = ""
    tests = build_example_tests(read_examples(task).examples, files)

    assert [entry.path for entry in tests.used] == [path]
    code, output = execute(tmp_path, {**files, TESTS_PATH: tests.text})
    assert code == 0, output


TWO = "def _help(x): ...\ndef join(a, b): ...\ndef main(): ...\ndef upper(text: str): ...\n"
RESOLVED: list[tuple[str, str, str]] = [
    ("f(1) == 2", "def f(x): ...", "f(1)"),
    ("findMax([1]) == 1", "def find_max(xs): ...\ndef other(xs): ...", "find_max([1])"),
    ("list_sort([1]) => [1]", "def sorted_list(xs): ...\ndef _help(xs): ...", "sorted_list([1])"),
    ("glue(1, 2) == 3", TWO, "join(1, 2)"),
    ('shout("a") == "A"', TWO, "upper('a')"),
    ("Input: 3\nOutput: 9", "def square(n: int): ...", "square(3)"),
    ("Input: (1, 2)\nOutput: 9", "def add(a, b): ...", "add(1, 2)"),
    ("Input: (1, 2)\nOutput: 9", "def add(pair): ...", "add((1, 2))"),
    ("Input: arr = [1], k = 1\nOutput: 9", "def top(k, arr): ...", "top(arr=[1], k=1)"),
    ("Input: arr = [1], k = 1\nOutput: 9", "def top(xs, n): ...", "top([1], 1)"),
    (
        "twoSum([2, 7], 9) == [0, 1]",
        "class Solution:\n    def twoSum(self, xs, target): ...",
        "Solution().twoSum([2, 7], 9)",
    ),
]
UNRESOLVED = [
    ("f(1) == 2", "def g(x): ...\ndef h(x): ...", "2 of the public ones"),
    ("f(1) == 2", "", "none of the public ones"),
    ("f(1) == 2", "def f(x, y): ...", "does not take these arguments"),
    ("f(1) == 2", "def g(text: str): ...", "none of the public ones"),
    ("Input: k = 2\nOutput: 9", "def top(xs, k=1): ...", "none of the public ones"),
    ("other.f(1) == 2", "def f(x): ...", "no delivered module"),
    ("ord('a') == 97", "def f(x): ...", "Python's own"),
    ("f(1) raises NoSuchError", "def f(x): ...", "no exception is called"),
    (">>> s = Stack()\n>>> s.pop()\n3", "def f(x): ...", "defines 'Stack'"),
    ("`other.sh 1` prints 2", "def f(x): ...", "no delivered program"),
    ("f(1) == 2", "def f(x: ...", "none of the public ones"),
]


@pytest.mark.parametrize(("task", "code", "call"), RESOLVED)
def test_the_function_that_is_meant_is_called(task: str, code: str, call: str) -> None:
    tests = build_example_tests(read_examples(task).examples, {"made.py": code})

    assert tests.unresolved == ()
    assert f" {call} ==" in tests.text


@pytest.mark.parametrize(("task", "code", "reason"), UNRESOLVED)
def test_an_example_without_certain_code_is_told(task: str, code: str, reason: str) -> None:
    tests = build_example_tests(read_examples(task).examples, {"made.py": code})

    assert (tests.text, tests.used) == ("", ())
    assert reason in tests.unresolved[0].reason


HOSTILE = [
    '"""\nimport os; os.system("x")\n"""',
    "'''",
    '\\"""',
    "\\",
    'x"',
    "{}{{0}}%s$",
    "\u202e\u2028\x00\x1b[31m",
    "\ud800",
    "a\rb\nc",
    "__import__('os').system('x')",
]


def everything_with(text: str) -> tuple[TaskExample, ...]:
    """Return examples of every kind that hold a text wherever one may stand."""
    call = FunctionExample(1, text, "f", (text, [text], {text: (text,)}), (("k", text),), Returns({"a": text}))
    session = SessionExample(
        2, text, (Statement("s = C()", ("C",), False), Statement("s.m()", (), True, Returns(text)))
    )
    command = CommandExample(
        3, text, (CommandStep(text, False, (text,), text, text, 0), CommandStep("made.py", False, (text,), text, text))
    )
    command_of_ours = CommandExample(4, text, command.steps[1:])
    return (call, session, command, command_of_ours, FunctionExample(5, text, text, (text,), (), Raises("ValueError")))


def check_that_nothing_is_pasted(text: str) -> None:
    code = "def f(*a, **k): ...\nclass C: ...\nif __name__ == '__main__': ...\n"

    made = build_example_tests(everything_with(text), {"made.py": code}).text

    tree = ast.parse(made.encode("utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    }
    assert called <= {
        "f", "C", "s.m", "run", "str", "lines_of", "subprocess.run", "Path(__file__).resolve", "Path", "line.rstrip",
        "text.strip('\\n').splitlines", "text.strip", "pytest.raises", "os.pathsep.join",
    }  # fmt: skip
    assert imported <= {"os", "subprocess", "sys", "Path", "pytest", "f", "C"}
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert text in values


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_foreign_text_becomes_code(text: str) -> None:
    check_that_nothing_is_pasted(text)


@given(text=st.text(st.sampled_from("\"'\\\n\r{}#()=; \x00ab\u2028") | st.characters(), min_size=1))
def test_no_text_at_all_becomes_code(text: str) -> None:
    check_that_nothing_is_pasted(text)


def test_each_test_quotes_its_line() -> None:
    text = build_example_tests(
        read_examples('a\nf("x") == "y"\nf(2) == 4, f(3) == 9').examples, {"made.py": "def f(x): ..."}
    ).text

    tree = ast.parse(text)
    quotes = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert quotes == {
        "test_line_2_f": 'Line 2 of the task: f("x") == "y"',
        "test_line_3_f": "Line 3 of the task: f(2) == 4",
        "test_line_3_f_2": "Line 3 of the task: f(3) == 9",
    }


def test_commands_share_a_folder_and_leave_the_delivered_one_alone(tmp_path: Path) -> None:
    task = "```\n$ note.py add 'a b'\n$ note.py list\n1: a b\n```\n\n$ echo hello | note.py echo\nhello"
    code = (
        "import sys, pathlib\n"
        "book = pathlib.Path('notes')\n"
        "if sys.argv[1] == 'add': book.write_text(sys.argv[2])\n"
        "elif sys.argv[1] == 'list': print('1:', book.read_text(), '  ')\n"
        "else: print(sys.stdin.read())\n"
    )
    tests = build_example_tests(read_examples(task).examples, {"note.py": code})

    status, output = execute(tmp_path, {"note.py": code, TESTS_PATH: tests.text})

    assert (status, len(tests.used)) == (0, 2), output
    assert not (tmp_path / "notes").exists()


def test_a_package_is_run_as_a_module_and_a_script_by_bash(tmp_path: Path) -> None:
    files = {
        "wc_tool/__init__.py": "",
        "wc_tool/__main__.py": "from wc_tool import *\nprint(3)\n",
        "hi.sh": "echo hi $1\n",
    }
    tests = build_example_tests(
        read_examples("`python -m wc_tool` prints 3\n`bash hi.sh you` prints `hi you`").examples, files
    )

    status, output = execute(tmp_path, {**files, TESTS_PATH: tests.text})

    assert (status, len(tests.used)) == (0, 2), output
