"""Whether three sides tell the same, what several hollow runs say together, and what errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.execution.evidence.hollow_runs import merge_hollow_runs
from core.execution.results import BrokenFile, CaseResult, SuiteRun
from core.execution.runners.disagreement import find_disagreement
from core.execution.runners.node.needs import missing_packages
from core.execution.runners.python.packages import find_needs
from core.execution.runners.registry import runner_for
from core.execution.runners.words import explained
from core.execution.sandbox.command import Limits
from core.kinds import CaseOutcome


def case(name: str, outcome: CaseOutcome = "passed") -> CaseResult:
    return CaseResult(f"t.py::{name}", "t.py", name, outcome)


def run(*cases: CaseResult, broken: Sequence[BrokenFile] = ()) -> SuiteRun:
    return SuiteRun("pytest", (), "bubblewrap", Limits(), "exited", 0, 1.0, (), cases, tuple(broken))


SIDES = {
    "all the same": (["t.py::a"], [case("a")], [], 0, ""),
    "red and told so": (["t.py::a"], [case("a", "failed")], [], 1, ""),
    "nothing at all": ([], [], [], 5, ""),
    "broken and told so": ([], [], [BrokenFile("t.py", "x")], 2, ""),
    "skipped": (["t.py::a"], [case("a", "skipped")], [], 0, ""),
    "one more was collected": (["t.py::a", "t.py::b"], [case("a")], [], 0, "found 2 tests and the report has 1: t.py::b"),
    "one more was reported": (["t.py::a"], [case("a"), case("b")], [], 0, "found 1 tests and the report has 2: t.py::b"),
    "one twice": (["t.py::a"], [case("a"), case("a")], [], 0, "found 1 tests and the report has 2"),
    "red and exit code 0": (["t.py::a"], [case("a", "failed")], [], 0, "exit code 0, and its report says that tests are red"),
    "broken and exit code 0": ([], [], [BrokenFile("t.py", "x")], 0, "exit code 0, and its report says that tests are red"),
    "green and exit code 3": (["t.py::a"], [case("a")], [], 3, "exit code 3, and its report says that no test is red"),
}  # fmt: skip


@pytest.mark.parametrize(("collected", "cases", "broken", "exit_code", "words"), SIDES.values(), ids=SIDES.keys())
def test_what_does_not_fit_is_told(
    collected: list[str], cases: list[CaseResult], broken: list[BrokenFile], exit_code: int, words: str
) -> None:
    told = find_disagreement("pytest", collected, cases, broken, exit_code)

    assert told.endswith(words)
    assert bool(told) == bool(words)


HOLLOW_BROKEN = BrokenFile("t.py", "_HollowError: HollowError: this copy of the code does nothing")
OTHER_BROKEN = BrokenFile("t.py", "ImportError: cannot import name 'x'")
MERGED = {
    "red in both": ([run(case("a", "failed")), run(case("a", "error"))], True),
    "green in one": ([run(case("a", "failed")), run(case("a"))], False),
    "skipped in one": ([run(case("a", "failed")), run(case("a", "skipped"))], False),
    "gone in one": ([run(case("a", "failed")), run()], False),
    "not imported, for want of code": ([run(broken=[HOLLOW_BROKEN]), run(case("a", "failed"))], True),
    "not imported, for another reason": ([run(broken=[OTHER_BROKEN]), run(case("a", "failed"))], False),
    "the only run, red": ([run(case("a", "failed"))], True),
    "hanging without the code": ([replace(run(case("a", "error")), end="wall_time"), run(case("a", "failed"))], True),
}


@pytest.mark.parametrize(("runs", "is_red"), MERGED.values(), ids=MERGED.keys())
def test_a_test_is_red_without_the_code_only_if_every_run_shows_it(runs: list[SuiteRun], is_red: bool) -> None:
    merged = merge_hollow_runs(run(case("a")), runs)

    assert [each.outcome != "passed" for each in merged.cases] == [is_red]
    assert merged.end == "exited"


def test_runs_that_show_nothing_are_told_by_how_they_were_stopped() -> None:
    stopped = replace(run(), end="memory")

    assert merge_hollow_runs(run(case("a")), [run(), stopped]).end == "memory"


MEANINGS = {
    "gaierror: [Errno -3] Temporary failure in name resolution": "tests run without a network",
    "TypeError: fetch failed": "",
    "TclError: no display name and no $DISPLAY environment variable": "tests run without a display",
    "EOFError: EOF when reading a line": "tests run without input",
    "OSError: pytest: reading from stdin while output is captured!  Consider using `-s`.": "tests run without input",
    "ImportError: cannot import name 'f' from partially initialized module 'a' (most likely due to a circular import)": "modules import each other",
    "ModuleNotFoundError: No module named 'requests'": "not declared",
    "ModuleNotFoundError: No module named 'yaml'": "",
    "assert 1 == 2": "",
}  # fmt: skip


@pytest.mark.parametrize(("message", "words"), MEANINGS.items())
def test_an_error_is_explained_where_it_does_not_say_why(message: str, words: str) -> None:
    told = explained(message, ("requests",))

    assert told.startswith(message)
    assert words in told
    assert (told != message) == bool(words)


NEEDS: dict[str, tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ({"a.py": "import os\n"}, (), ()),
    "declared and missing": ({"requirements.txt": "no-such-1\n", "a.py": "import no_such_1\n"}, ("no-such-1",), ()),
    "declared, missing and not imported": ({"requirements.txt": "no-such-1\n", "a.py": "import os\n"}, (), ()),
    "under another name": ({"requirements.txt": "opencv-python\n", "a.py": "import cv2\n"}, ("opencv-python",), ()),
    "not declared": ({"a.py": "import no_such_1\n"}, (), ("no_such_1",)),
    "optional": ({"requirements.txt": "no-such-1\n", "a.py": "try:\n    import no_such_1\nexcept ImportError:\n    pass\n"}, (), ()),
    "for types alone": ({"a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import no_such_1\n"}, (), ()),
    "of the tree": ({"a.py": "import b, pkg.c\n", "b.py": "", "pkg/c.py": ""}, (), ()),
    "in a project's file": ({"pyproject.toml": "[project]\nname='x'\noptional-dependencies = {test = ['no-such-1']}\n", "a.py": "import no_such_1\n"}, ("no-such-1",), ()),
    "not for this machine": ({"requirements.txt": "no-such-1; sys_platform == 'nowhere'\n", "a.py": "import no_such_1\n"}, (), ("no_such_1",)),
    "a plugin that tests use": ({"requirements.txt": "pytest-benchmark\n", "a.py": "def test_x(benchmark):\n    benchmark(len, [])\n"}, ("pytest-benchmark",), ()),
    "a plugin that nothing uses": ({"requirements.txt": "pytest-benchmark\n", "a.py": "def test_x(): pass\n"}, (), ()),
    "nonsense": ({"requirements.txt": "Here are the packages:\n```\n-r other.txt\nhttp://x\n", "pyproject.toml": "[", "a.py": "def f(:\n"}, (), ()),
}  # fmt: skip


@pytest.mark.parametrize(("files", "missing", "undeclared"), NEEDS.values(), ids=NEEDS.keys())
def test_what_python_needs_is_found(
    files: dict[str, str], missing: tuple[str, ...], undeclared: tuple[str, ...], tmp_path: Path
) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    needs = find_needs(tmp_path, list(files))

    assert (needs.missing_declared, needs.undeclared) == (missing, undeclared)


def test_what_javascript_needs_is_found(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(
        '{"dependencies": {"@a/b": "1", "unused": "1"}, "devDependencies": {"jest": "1"}}'
    )
    (tmp_path / "a.mjs").write_text("import x from '@a/b/c';\nimport fs from 'node:fs';\nimport './b.mjs';\n")
    (tmp_path / "b.mjs").write_text("const { it } = require('jest');\n")

    assert missing_packages(tmp_path, ["a.mjs", "b.mjs", "gone.mjs"]) == ("@a/b", "jest")


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["test_a.py", "tests/test_b.py"], "pytest"),
        (["a.test.mjs", "b.test.js", "c.test.ts"], "node"),
        (["test_a.sh"], "shell"),
        (["a_test.go"], "go"),
        (["tests/a.rs"], "cargo"),
        (["test_a.py", "test_b.sh"], None),
        (["a.spec.rb"], None),
        ([], None),
    ],
)
def test_the_names_of_tests_choose_the_runner(paths: list[str], name: str | None) -> None:
    runner = runner_for(paths)

    assert (runner.name if runner is not None else None) == name
