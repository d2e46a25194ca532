"""Every hidden check of the everyday benchmark is passed by its reference and not by a hasty answer, and figures are right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.evaluation.everyday_tasks import EverydayTask, passes_check, read_tasks
from benchmarks.evaluation.hidden import find_sandbox, passes_program
from benchmarks.evaluation.records import Records, share_words, wilson
from benchmarks.everyday import agreement
from core.execution.sandbox.sandbox import Sandbox

TASKS = read_tasks()


@pytest.fixture
async def sandbox() -> Sandbox:
    return await find_sandbox()


def test_there_are_sixteen_tasks_of_all_kinds() -> None:
    assert len({task.id for task in TASKS}) == len(TASKS) == 16
    suffixes = {Path(path).suffix for task in TASKS for path in task.reference}
    assert suffixes == {".py", ".sh", ".html", ".sql"}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
async def test_a_check_tells_right_from_wrong(task: EverydayTask, sandbox: Sandbox) -> None:
    assert await passes_check(task, task.reference, sandbox)
    assert not await passes_check(task, task.wrong, sandbox)


async def test_nothing_delivered_passes_no_check(sandbox: Sandbox) -> None:
    assert not await passes_check(TASKS[0], {"README.md": ""}, sandbox)


CHECK = "from made import f\ndef check(candidate):\n    assert candidate(2) == 4\ncheck(f)"


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("def f(n): return n * 2", True),
        ("def f(n): return n", False),
        ("import sys; sys.exit(0)", False),
        ("import os; os._exit(0)", False),
        ("def f(n: ...", False),
    ],
)
async def test_only_a_program_of_checks_that_ran_to_its_end_passes(code: str, passes: bool, sandbox: Sandbox) -> None:
    assert await passes_program({"made.py": code}, CHECK, sandbox) is passes


@pytest.mark.parametrize(
    ("verdict", "outside", "word"),
    [
        ("pass", "green", "yes"),
        ("pass", "red", "no"),
        ("pass", "no tests", "apart"),
        ("fail", "red", "yes"),
        ("fail", "green", "no"),
        ("unproven", "green", "yes"),
        ("not_executed", "no tests", "yes"),
    ],
)
def test_when_a_verdict_and_an_outside_pytest_agree(verdict: str, outside: str, word: str) -> None:
    assert agreement(verdict, outside) == word


def test_results_are_gone_on_with_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    records = Records(path, lambda record: (record["id"],))
    records.add({"id": "a", "right": True})
    path.write_text(path.read_text() + '{"id": "b", "ri')

    again = Records(path, lambda record: (record["id"],))
    again.add({"id": "b", "right": False})

    assert ("a",) in again
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["a", "b"]


def test_the_interval_is_that_of_wilson() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert tuple(round(end, 4) for end in wilson(18, 24)) == (0.551, 0.88)
    assert share_words(18, 24) == "18/24 = 75 % (55-88)"
    assert share_words(0, 0) == "0/0"
