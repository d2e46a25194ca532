"""The result of a run stays on the screen: what was proven, what was not, where the files are, what is next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from core.events import RunFinished
from core.kinds import RunStatus, VerdictValue
from core.state.suite import suite_of_report
from tests.support.evidence import FAIL, NOT_EXECUTED, PASS, UNPROVEN
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.scripted_run import AT_THE_END, run_fields, start
from tui.widgets.result_card import result_rows

ROUNDS = [{"round": 0, "verdict": "fail"}, {"round": 1, "verdict": "fail"}]
RED = {**FAIL, "round": 1, "rounds": ROUNDS, "opinion": {"value": "pass", "findings": []}}
HOSTILE = "\x1b[31m[bold]x[/]\nline"


def ends(status: RunStatus, verdict: VerdictValue, evidence: dict[str, Any], **more: Any) -> RunFinished:
    given = {"reason": str(evidence.get("reason", "")), "files": ("reverse.py", "test_reverse.py"), **more}
    return RunFinished(
        **run_fields(1066.0),  # type: ignore[arg-type]
        status=status,
        verdict=verdict,
        output_dir="output/reverse",
        duration_seconds=66.0,
        evidence=evidence,
        run_command="python reverse.py",
        **given,
    )


FAILED = ends("failed", "fail", RED)
UNVERIFIED = ends("unverified", "unproven", {**UNPROVEN, "untested_examples": ["rev(x)"]})


def rows(event: RunFinished) -> dict[str, str]:
    return {label: words for label, words, _ in result_rows(event)}


def test_a_red_run_says_what_is_red_and_that_the_opinion_is_one() -> None:
    assert rows(FAILED) == {
        "Why": "1 of 3 tests red: test_reverse.py::test_r2_empty",
        "Tests": "2 green, 1 red (pytest in bubblewrap, 0.8 s; files of round 2 of 2)",
        "Red": "test_r2_empty: AssertionError: assert '' == 'x'",
        "Opinion": "QA: pass (an opinion of a model, which decided nothing)",
        "Files": "2 files in output/reverse, the evidence in report.md",
        "Run it": "cd output/reverse && python reverse.py",
        "Next": "quintet test output/reverse runs the tests again; Up brings the task back for another try",
    }


def test_what_is_not_proven_is_told() -> None:
    told = rows(UNVERIFIED)

    assert told["Empty"] == "3 tests would not notice missing code"
    assert told["Untested"] == "1 example of the task"
    assert rows(ends("unverified", "not_executed", NOT_EXECUTED))["To do"] == (
        "install bubblewrap, or set QUINTET_SANDBOX"
    )
    assert rows(ends("passed", "pass", PASS, reason=""))["Proven"] == "3 tests green, and red without the code"
    assert rows(ends("passed", "none", {}, files=(), reason="")).keys() == {"Files", "Run it", "Next"}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_card_comes_with_the_end_goes_with_r_and_with_the_next_run(size: tuple[int, int]) -> None:
    async with frozen_app().run_test(size=size) as pilot:
        app = await settle(pilot)

        def is_shown() -> bool:
            return bool(app.main.result_card.display)

        app.receive(start())
        assert not is_shown()
        app.receive(ends("failed", "pass", PASS, reason=HOSTILE))
        await settle(pilot)
        assert is_shown()
        assert "✗ failed[/" in str(app.main.result_card.border_title)  # the tests prove it, and something else is wrong
        assert "[bold]x[/] line" in app.main.result_card.render().plain
        await pilot.press("escape", "r")
        assert not is_shown()
        await pilot.press("r")
        assert is_shown()
        app.receive(start())
        await settle(pilot)
        assert not is_shown()
        await pilot.press("r")
        assert not is_shown()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
@pytest.mark.parametrize("event", [FAILED, UNVERIFIED], ids=["failed", "unverified"])
def test_the_end_of_a_run_that_did_not_pass(
    snap_compare: Callable[..., bool], event: RunFinished, size: tuple[int, int]
) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        app = await settle(pilot)
        app.receive(start())
        app.receive(event)
        await settle(pilot)
        app.clear_notifications()
        await settle(pilot, replace(AT_THE_END, suite=suite_of_report(event.evidence)))

    assert snap_compare(frozen_app(), terminal_size=size, run_before=before)
