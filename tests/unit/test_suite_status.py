"""What is shown and said of a run's tests follows the evidence of their execution."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from core import events as happened  # pytest takes imported classes that begin with Test for tests
from core.events import Event, RunFinished, RunStarted
from core.execution.evidence.evidence import Evidence
from core.execution.evidence.record import evidence_record
from core.execution.results import BrokenFile
from core.state.scoreboard import Scoreboard
from core.state.suite import NO_TESTS_YET, SHOWN_RED, RedTest, suite_of_report
from tests.support.evidence import FAIL, NOT_EXECUTED, PASS, RED, UNPROVEN, evidence, suite_run
from tui.widgets.suite import counts_words, suite_lines
from tui.words.narration import Narrator

RUN: dict[str, Any] = {"run_id": "r", "correlation_id": "c"}
BROKEN = evidence_record(
    Evidence(
        "fail", "not collected: test_a.py", suite=suite_run({}, broken=(BrokenFile("test_a.py", "no module named a"),))
    )
)


def run_of(*events: Event) -> Scoreboard:
    board = Scoreboard(["developer"])
    for event in events:
        board.follow(event)
    return board


def starts(at: float = 1.0, **more: Any) -> happened.TestsStarted:
    return happened.TestsStarted(**RUN, at=at, runner="pytest", rung="bubblewrap", **more)


def ran(report: dict[str, Any], round_number: int = 0) -> happened.TestsRan:
    return happened.TestsRan(**RUN, at=3.0, report={"round": round_number, **report})


def run_starts() -> RunStarted:
    return RunStarted(**RUN, at=0.0, task="t", workflow="delivery", agents=(), output_dir="o", model="m")


def run_ends() -> RunFinished:
    return RunFinished(
        **RUN,
        at=4.0,
        status="stopped",
        verdict="not_executed",
        reason="",
        output_dir="o",
        files=(),
        duration_seconds=4.0,
    )


def test_the_tests_of_a_run_are_not_run_then_running_then_ran() -> None:
    assert run_of(run_starts()).suite == NO_TESTS_YET
    running = run_of(run_starts(), starts(collected=3, round=1)).suite
    assert (running.state, running.collected, running.round, running.rung) == ("running", 3, 1, "bubblewrap")
    ended = run_of(run_starts(), starts(), ran(FAIL, 1)).suite
    assert (ended.state, ended.verdict, ended.green_count, ended.red_count, ended.round) == ("ran", "fail", 2, 1, 1)
    assert ended.red == (RedTest("test_r2_empty", RED),)


def test_tests_that_were_broken_off_did_not_run_and_a_new_run_has_none() -> None:
    assert run_of(run_starts(), starts(), run_ends()).suite == NO_TESTS_YET
    assert run_of(run_starts(), starts(), ran(PASS), run_ends()).suite.verdict == "pass"
    assert run_of(run_starts(), starts(), ran(PASS), run_ends(), run_starts()).suite == NO_TESTS_YET


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (PASS, "3 green"),
        (FAIL, "2 green, 1 red"),
        (BROKEN, "1 red"),
        (NOT_EXECUTED, "not executed"),
    ],
)
def test_the_counts_are_told(report: dict[str, Any], words: str) -> None:
    assert counts_words(suite_of_report(report)) == words


def test_of_many_red_tests_a_few_are_kept_and_all_are_counted() -> None:
    names = tuple(f"test_{n}" for n in range(50))

    suite = suite_of_report(evidence_record(evidence("fail", "50 red", red=names, names=names)))

    assert (len(suite.red), suite.red_count) == (SHOWN_RED, 50)
    assert " and 47 more red" in [line.plain for line in suite_lines(suite, Content("TESTS"), 0.0, 30)]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (starts(), "  > tests are running in bubblewrap (pytest)"),
        (starts(collected=7, round=2), "  > 7 tests run in bubblewrap (pytest, rework 2)"),
        (ran(PASS), "  = 3 tests green, and red without the code (0.8 s in bubblewrap)"),
        (ran(FAIL), f"  ! 3 tests, 1 red: test_r2_empty - {RED} (0.8 s in bubblewrap)"),
        (ran(BROKEN), "  ! 1 test, 1 red: test_a.py - no module named a (0.8 s in bubblewrap)"),
        (
            ran(UNPROVEN),
            f"  ! 3 tests, unproven: {UNPROVEN['reason']} (0.8 s in bubblewrap)",
        ),
        (
            ran(NOT_EXECUTED),
            "  ! tests were not executed: no sandbox works here - install bubblewrap, or set QUINTET_SANDBOX",
        ),
        (ran({}), "  ! tests were not executed:"),
    ],
)
def test_the_execution_of_tests_is_told(event: Event, line: str) -> None:
    assert Narrator(title=str).tell(event).log == line


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(FAIL)), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*FAIL, *FAIL["run"]]), values))
def test_whatever_a_report_holds_it_can_be_shown(report: dict[str, Any]) -> None:
    suite = suite_of_report({**FAIL, **report, "run": {**FAIL["run"], **report}})

    assert list(suite_lines(suite, Content("TESTS"), 0.0, 30))
    assert Narrator(title=str).tell(ran(report)).log
