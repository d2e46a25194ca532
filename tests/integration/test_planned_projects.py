"""A project is what its plan says: names, folders, module, entry and commands, in every prompt and in what is delivered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.events import FileRejected, FileWritten
from tests.support.team import CODE, engine_harness

TASK = "Create a text kit in Python"
SLUG = "```python\ndef slugify(text: str) -> str:\n    return '-'.join(text.lower().split())\n```"
WRAP = "```python\ndef wrap(text: str, width: int) -> list[str]:\n    return [text[:width]]\n```"
INIT = (
    "```python\nfrom textkit.slug import slugify\nfrom textkit.wrap import wrap\n\n__all__ = ['slugify', 'wrap']\n```"
)
MAIN = "```python\nimport sys\n\nfrom textkit import slugify\n\nif __name__ == '__main__':\n    print(slugify(' '.join(sys.argv[1:])))\n```"
TESTS = "```python\nfrom textkit import slugify\nfrom textkit.wrap import wrap\n\n\ndef test_r1() -> None:\n    assert slugify('A b') == 'a-b'\n\n\ndef test_r2() -> None:\n    assert wrap('abc', 2) == ['ab']\n```"


def package(root: str) -> dict[str, str]:
    """Return the answers of a team that plans a package below `root`."""
    plan = "\n".join(
        [
            f"{root}textkit/__init__.py - re-exports the public names",
            f"{root}textkit/slug.py - slugs of titles",
            f"{root}textkit/wrap.py - lines of a width",
            f"{root}textkit/__main__.py - the command line",
        ]
    )
    return {
        "file_plan": plan,
        f"code_file:{root}textkit/__init__.py": INIT,
        f"code_file:{root}textkit/slug.py": SLUG,
        f"code_file:{root}textkit/wrap.py": WRAP,
        f"code_file:{root}textkit/__main__.py": MAIN,
        "test_file": TESTS,
    }


def python(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python in a delivered folder, as a user would."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env or {}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("root", "command", "extra"),
    [
        ("", ["-m", "textkit"], {}),
        ("src/", ["-m", "textkit"], {"PYTHONPATH": "src"}),
    ],
)
async def test_a_planned_package_runs_and_its_tests_find_it(
    tmp_path: Path, root: str, command: list[str], extra: dict[str, str]
) -> None:
    async with engine_harness(tmp_path, package(root)) as b:
        outcome = await b.engine.run(TASK)

    assert {f"{root}textkit/slug.py", "tests/test_slug.py", "pytest.ini"} <= set(outcome.files)
    run_command = f"{'env PYTHONPATH=src ' if root else ''}python -m textkit"
    assert f"RUN {run_command}" in b.team.prompts("ops_file")[0]
    ran = python(outcome.output_dir, *command, "Hello", "World", env=extra)
    assert ran.stdout == "hello-world\n", ran.stderr
    tested = python(outcome.output_dir, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "2 passed" in tested.stdout, tested.stdout


async def test_the_main_file_of_a_plan_is_module_entry_and_test_target(tmp_path: Path) -> None:
    test = "```python\nfrom slugify import slugify\n\n\ndef test_r1() -> None:\n    assert slugify('A b') == 'a-b'\n```"
    answers = {"file_plan": "slugify.py - slugs of titles", "code_file": SLUG, "test_file": test}
    team = {**answers, "ops_file:run.sh": "```sh\n#!/bin/sh\nexec python slugify.py\n```"}
    async with engine_harness(tmp_path, team) as b:
        outcome = await b.engine.run("Turn titles into slugs")

    assert {"slugify.py", "test_slugify.py"} <= set(outcome.files)
    assert "pytest.ini" not in outcome.files
    assert "RUN python slugify.py" in b.team.prompts("ops_file")[0]


async def test_tests_that_a_plan_names_are_written_by_qa_where_it_names_them(tmp_path: Path) -> None:
    answers = package("")
    answers["file_plan"] += "\ntests/__init__.py\ntests/test_all.py - tests"
    async with engine_harness(tmp_path, answers) as b:
        outcome = await b.engine.run(TASK)

    assert "tests/test_all.py" in outcome.files
    assert "tests/test_slug.py" not in outcome.files
    assert "tests/__init__.py" not in outcome.files
    author = next(event.agent_id for event in b.events.of(FileWritten) if event.path == "tests/test_all.py")
    assert author == "qa_engineer"


async def test_the_plan_with_its_purposes_is_in_the_prompt_of_each_file(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, package("")) as b:
        await b.engine.run(TASK)

    prompts = b.team.prompts("code_file")
    assert len(prompts) == 4
    for prompt in prompts:
        assert "PLAN textkit/__init__.py - re-exports the public names\ntextkit/slug.py - slugs of titles\n" in prompt


RUST = "pub fn gcd(a: u64, b: u64) -> u64 {\n    if b == 0 { a } else { gcd(b, a % b) }\n}\n"
RUST_TEST = "use gcd::gcd;\n\n#[test]\nfn r1() {\n    assert_eq!(gcd(4, 6), 2);\n}\n"
GO = "package gcd\n\nfunc Gcd(a, b int) int {\n\treturn a\n}\n"
GO_TEST = (
    'package gcd\n\nimport "testing"\n\nfunc TestR1(t *testing.T) {\n\tif Gcd(4, 6) != 2 {\n\t\tt.Fail()\n\t}\n}\n'
)
PAGE = '<!doctype html>\n<html lang="en"><body><p>12:00</p></body></html>\n'


@pytest.mark.parametrize(
    ("task", "source", "code", "test", "paths"),
    [
        ("An HTML page with a clock", "index.html", PAGE, "", {"index.html"}),
        ("A Rust function gcd(a, b)", "src/lib.rs", RUST, RUST_TEST, {"src/lib.rs", "Cargo.toml", "tests/test_gcd.rs"}),
        ("A Go function Gcd", "gcd.go", GO, GO_TEST, {"gcd.go", "go.mod", "gcd_test.go"}),
    ],
)
async def test_other_languages_bring_what_their_tools_want(
    tmp_path: Path, task: str, source: str, code: str, test: str, paths: set[str]
) -> None:
    answers = {"file_plan": f"{source} - all of it", "code_file": f"```\n{code}```", "test_file": f"```\n{test}```"}
    async with engine_harness(tmp_path, answers) as b:
        outcome = await b.engine.run(task)

    assert paths <= set(outcome.files)
    assert not [path for path in outcome.files if path.endswith(".py")]
    assert bool(b.team.prompts("test_file")) == bool(test)


async def test_files_that_come_with_another_are_taken_and_not_asked_for_again(tmp_path: Path) -> None:
    answers = package("")
    first = f"**textkit/__init__.py**\n{INIT}\n\n**textkit/slug.py**\n{SLUG}\n\n**textkit/wrap.py**\n```python\ndef wrap(\n```\n"
    answers["code_file:textkit/__init__.py"] = first
    async with engine_harness(tmp_path, answers) as b:
        outcome = await b.engine.run(TASK)

    assert [asked.path for asked in b.team.asked if asked.job == "code_file"] == [
        "textkit/__init__.py",
        "textkit/wrap.py",
        "textkit/__main__.py",
    ]
    assert "textkit/slug.py" in outcome.files
    written = next(event for event in b.events.of(FileWritten) if event.path == "textkit/__init__.py")
    assert written.ignored == ("a block of textkit/wrap.py (1 line)",)


NEEDS = "```python\nimport frobnicate\n\n\ndef reverse(text: str) -> str:\n    return frobnicate.turn(text)\n```"


async def test_an_unknown_package_is_asked_about_once_by_its_name(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"code_file": NEEDS, "repair": CODE}) as b:
        outcome = await b.engine.run("Reverse a text")

    (repair,) = b.team.prompts("repair")
    assert "reverse_text.py imports frobnicate, which is neither in the standard library" in repair
    (rejected,) = b.events.of(FileRejected)
    assert (rejected.rule, rejected.asked_again) == ("unknown_package", True)
    assert "reverse_text.py" in outcome.files


async def test_an_unknown_package_that_stays_is_no_dependency(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"code_file": NEEDS, "repair": NEEDS}) as b:
        outcome = await b.engine.run("Reverse a text")

    assert outcome.status == "failed"
    assert "reverse_text.py" not in outcome.files


@pytest.mark.parametrize(
    ("task", "plan"),
    [
        ("Reverse a text with frobnicate", "reverse_text.py - all"),
        ("Reverse a text", "reverse_text.py - all\nrequirements.txt - packages"),
    ],
)
async def test_a_package_that_is_named_or_declared_is_known(tmp_path: Path, task: str, plan: str) -> None:
    answers = {"file_plan": plan, "code_file": NEEDS, "code_file:requirements.txt": "```text\nfrobnicate>=1\n```"}
    async with engine_harness(tmp_path, answers) as b:
        outcome = await b.engine.run(task)

    assert "reverse_text.py" in outcome.files
    assert not b.events.of(FileRejected)


async def test_a_language_that_nothing_executes_here_ends_unverified_and_not_as_python(tmp_path: Path) -> None:
    code = "```kotlin\nfun add(a: Int, b: Int): Int = a + b\n```"
    tests = "```kotlin\nfun testR1() {\n    check(add(1, 2) == 3)\n}\n```"
    answers = {"file_plan": "Adder.kt - adds", "code_file": code, "test_file": tests}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        outcome = await b.engine.run("Write an adder in Kotlin: add(1, 2) == 3")

    assert (outcome.status, outcome.verdict) == ("unverified", "not_executed")
    assert {"Adder.kt", "test_Adder.kt"} <= set(outcome.files)
    assert not [path for path in outcome.files if path.endswith(".py")]
