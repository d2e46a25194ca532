"""Which commands a README shows, which of them are tried, and which of its sentences contradict the verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.execution.readme.claims import contradiction
from core.execution.readme.commands import read_shell_commands
from core.execution.readme.sorting import NotTried, Sorter, ToTry
from core.kinds import EvidenceVerdict

FILES = [
    "calc.py",
    "run.sh",
    "shop/__init__.py",
    "shop/__main__.py",
    "src/tool/cli.py",
    "tests/test_calc.py",
    "web/app.js",
]


@pytest.mark.parametrize(
    ("readme", "commands"),
    [
        ("```bash\npython calc.py 2 3\n```", ["python calc.py 2 3"]),
        ("```sh\n# first\npython calc.py 1\n\npytest  # all\n```", ["python calc.py 1", "pytest  # all"]),
        ("~~~shell\npython calc.py\n~~~", ["python calc.py"]),
        ("```console\n$ python calc.py 2 3\n5\n$ pytest\n2 passed\n```", ["python calc.py 2 3", "pytest"]),
        ("```text\n(venv) me@host:~/calc$ python calc.py\nhello\n```", ["python calc.py"]),
        ("```\npython calc.py 2 3\n5\n```", ["python calc.py 2 3"]),
        ("```text\npython is a language\n```", ["python is a language"]),
        ("```text\nopen the door\nfind it\n```", []),
        ("```python\nprint(1)\n```\n```json\n{}\n```\n```powershell\npython calc.py\n```", []),
        ("```bash\npython calc.py \\\n  --add 2 \\\n  3\n```", ["python calc.py --add 2 3"]),
        ("```bash\npython calc.py 'a\nb'\n```", ["python calc.py 'a\nb'"]),
        ("```bash\ncat > in.txt <<'EOF'\n$x it's\nEOF\npython calc.py in.txt\n```", ["cat > in.txt <<'EOF'\n$x it's\nEOF", "python calc.py in.txt"]),
        ("```console\n$ python calc.py \\\n>   2 3\n5\n```", ["python calc.py 2 3"]),
        ("```bash\npython calc.py 2 3\nResult: 5\n```", ["python calc.py 2 3"]),
        ("```bash\necho 'it\npython calc.py\n```", ["echo 'it", "python calc.py"]),
        ("1. Start it:\n\n   ```bash\n   python calc.py\n   ```\n", ["python calc.py"]),
        ("## Start\n\n    python calc.py\n\n## Tests\n\n    python -m pytest\n", ["python calc.py", "python -m pytest"]),
        ("    x = 1\n    print(x)\n", []),
        ("Run `python calc.py 2 3` in the folder, then run `pytest tests`.", ["python calc.py 2 3", "pytest tests"]),
        ("The file `calc.py` has the function `add`; `python` is needed.", []),
        ("Run `./run.sh`.", ["./run.sh"]),
        ("```bash\npytest\n```\n```bash\npytest\n```", ["pytest"]),
        ("```bash\npython calc.py", ["python calc.py"]),
        ("```bash\nfor i in 1 2; do\n  python calc.py $i\ndone\npytest\n```", ["for i in 1 2; do\n  python calc.py $i\ndone", "pytest"]),
        ("", []),
    ],
)  # fmt: skip
def test_commands_are_read_where_a_readme_shows_them(readme: str, commands: list[str]) -> None:
    assert [command.text for command in read_shell_commands(readme)] == commands


@given(st.text(alphabet="`~$ \n\\'\"<EOF>#py.sh"))
def test_any_text_is_read(readme: str) -> None:
    lines = readme.splitlines()
    assert all(1 <= command.line <= len(lines) for command in read_shell_commands(readme))


@pytest.mark.parametrize(
    "command",
    [
        *("python calc.py 2 3", "python3 -u calc.py", "python -m shop", "python -m tool.cli", "python -c 'print(1)'", "python -m doctest calc.py"),
        *("pytest", "python -m pytest tests/test_calc.py::test_add -q", "pytest tests", "python -m unittest"),
        *("bash run.sh", "sh ./run.sh now", "./run.sh", "node web/app.js", "node -e 'console.log(1)'"),
        *("echo 2 3 | python calc.py", "python calc.py < run.sh > out.txt", "DEBUG=1 python calc.py", "cd calculator && python calc.py"),
        *("cd web && node app.js", "python calc.py '<b>'", "python calc.py HELLO", "python calc.py 2>&1"),
        *("mkdir t && cd t && python ../calc.py", "export A=1 && python calc.py", "A=$(mktemp) python calc.py"),
    ],
)  # fmt: skip
def test_what_is_delivered_and_needs_nothing_else_is_tried(command: str) -> None:
    assert isinstance(Sorter(FILES, frozenset()).sort(command), ToTry)


@pytest.mark.parametrize(
    ("command", "result", "why"),
    [
        ("pip install -r requirements.txt", "not_run", "network"),
        ("python -m venv .venv", "not_run", "prepares"),
        ("python -m pip install .", "not_run", "prepares"),
        ("source .venv/bin/activate", "not_run", "shell"),
        ("git clone https://example.com/x && cd x", "not_run", "network"),
        ("docker build -t calc .", "not_run", "container"),
        ("sudo python calc.py", "not_run", "machine"),
        ("python -m http.server 8000", "not_run", "server"),
        ("uvicorn calc:app", "not_run", "server"),
        ("python", "not_run", "types"),
        ("python3.12 calc.py", "not_run", "asks for"),
        ("python calc.py <first> <second>", "not_run", "words of the reader"),
        ("python calc.py [options] FILE", "not_run", "words of the reader"),
        ("python /path/to/calc.py", "not_run", "words of the reader"),
        ("python /opt/calc.py", "not_run", "reader's machine"),
        ("python calc.py &", "not_run", "background"),
        ("cd calculator", "not_run", "where the project lies"),
        ("calc 2 3", "not_run", "calc is not among"),
        ("open index.html", "not_run", "window"),
        ("for i in 1 2; do python calc.py $i; done", "not_run", "loop"),
        ("echo 'open", "not_run", "not a command"),
        ("python -m requests", "not_run", "package requests"),
        ("python calculator.py 2 3", "missing", "calculator.py"),
        ("python -m calculator", "missing", "module calculator"),
        ("bash start.sh", "missing", "start.sh"),
        ("./start.sh", "missing", "start.sh"),
        ("pytest tests/test_other.py", "missing", "test_other.py"),
        ("node app.js", "missing", "app.js"),
        ("python calc.py 1 && python other.py", "missing", "other.py"),
        ("python ../../calc.py", "missing", "calc.py"),
    ],
)
def test_what_cannot_be_tried_or_is_not_delivered_is_said(command: str, result: str, why: str) -> None:
    sorted_ = Sorter(FILES, frozenset({"requests"})).sort(command)
    assert isinstance(sorted_, NotTried)
    assert sorted_.result == result
    assert why in sorted_.why


def test_earlier_commands_say_where_later_ones_run_and_what_is_there() -> None:
    sorter = Sorter(FILES, frozenset())
    sorter.sort("export LEVEL=2")
    assert sorter.sort("echo 'print(1)' > made.py") == ToTry("export LEVEL=2\necho 'print(1)' > made.py")
    assert isinstance(sorter.sort("python made.py"), ToTry)
    sorter.sort("cd web")
    assert sorter.sort("node app.js") == ToTry("export LEVEL=2\ncd web\nnode app.js", is_bare=True)
    sorter.sort("cd ..")
    assert isinstance(sorter.sort("python calc.py"), ToTry)


@pytest.mark.parametrize(
    ("sentence", "verdict", "contradicts"),
    [
        ("All tests pass.", "fail", True),
        ("**All 12 tests passed**, and it is done.", "unproven", True),
        ("The tests are green.", "not_executed", True),
        ("The test suite passes.", "fail", True),
        ("Verdict: **pass**", "fail", True),
        ("The verdict is pass.", "not_executed", True),
        ("| Verdict | pass |", "fail", False),
        ("Verdict: fail", "pass", True),
        ("Alle Tests sind gr\u00fcn.", "fail", True),
        ("All tests pass.", "pass", False),
        ("Verdict: pass", "pass", False),
        ("Verdict: not_executed", "not_executed", False),
        ("Verdict: fail", "fail", False),
        ("The tests do not pass.", "fail", False),
        ("Not all tests pass.", "fail", False),
        ("3 of 4 tests pass.", "fail", False),
        ("If all tests pass, nothing is printed.", "fail", False),
        ("The tests pass but prove nothing.", "unproven", False),
        ("The tests should pass.", "not_executed", False),
        ("The tests pass the text to `reverse`.", "fail", False),
        ("The verdict is pass or fail.", "fail", False),
        ("```text\nAll tests pass.\n```", "fail", False),
    ],
)
def test_only_a_sentence_that_surely_says_another_verdict_contradicts(
    sentence: str, verdict: EvidenceVerdict, contradicts: bool
) -> None:
    assert bool(contradiction(f"# Calc\n\nAdds numbers.\n\n{sentence}\n", verdict)) is contradicts
