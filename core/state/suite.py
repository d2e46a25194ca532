"""What is shown of a run's tests: whether they run, how they ended, and which are red."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from core.kinds import EvidenceVerdict

if TYPE_CHECKING:
    from core.events import TestsStarted  # the first frame shows no event

SHOWN_RED = 20
GREEN, NOT_RUN = frozenset({"passed"}), frozenset({"skipped", "expected_failure"})


@dataclass(frozen=True, slots=True)
class RedTest:
    """A test, or a test file, that did not pass, and why in one line."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class SuiteStatus:
    """The tests of a run: `not_run` before their first execution, and again when it was broken off.

    Attributes:
        round: the round that was tested; 0 is the first.
        started_at: monotonic seconds, while they run.
        collected: how many tests there are; None while nobody knows.
        verdict: what the last execution says; None before its end.
        proving: green tests that go red without the code.
        vacuous: green tests that stay green without it, so they prove nothing.
        red: at most 20 of those that are red; `red_count` counts them all.
    """

    state: Literal["not_run", "running", "ran"] = "not_run"
    runner: str = ""
    rung: str = ""
    round: int = 0
    started_at: float = 0.0
    collected: int | None = None
    verdict: EvidenceVerdict | None = None
    reason: str = ""
    hint: str = ""
    green_count: int = 0
    red_count: int = 0
    skipped_count: int = 0
    proving: int = 0
    vacuous: int = 0
    seconds: float = 0.0
    red: tuple[RedTest, ...] = ()

    @property
    def total(self) -> int:
        """How many tests were executed, with those that could not be collected."""
        return self.green_count + self.red_count + self.skipped_count


NO_TESTS_YET = SuiteStatus()


def suite_that_runs(event: TestsStarted) -> SuiteStatus:
    """Return the state of tests that have just been started."""
    return SuiteStatus(
        state="running",
        runner=event.runner,
        rung=event.rung,
        round=event.round,
        started_at=event.at,
        collected=event.collected,
    )


def suite_of_report(report: Mapping[str, Any]) -> SuiteStatus:
    """Return the state of tests that were executed, from the evidence as plain values; what it lacks is left empty."""
    run = _mapping(report.get("run"))
    counts = {str(outcome): _number(number) for outcome, number in _mapping(run.get("counts")).items()}
    green = sum(number for outcome, number in counts.items() if outcome in GREEN)
    skipped = sum(number for outcome, number in counts.items() if outcome in NOT_RUN)
    broken = [RedTest(str(file.get("path", "")), str(file.get("message", ""))) for file in _mappings(run.get("broken"))]
    red = [
        RedTest(str(test.get("name", "")), str(test.get("message", "")))
        for test in _mappings(report.get("tests"))
        if test.get("outcome") not in GREEN | NOT_RUN
    ]
    verdict = report.get("verdict")
    return SuiteStatus(
        state="ran",
        runner=str(run.get("runner", "")),
        rung=str(run.get("sandbox", "")),
        round=_number(report.get("round")),
        collected=_number(run.get("collected")),
        verdict=verdict if verdict in get_args(EvidenceVerdict) else None,
        reason=str(report.get("reason", "")),
        hint=str(report.get("hint", "")),
        green_count=green,
        red_count=sum(counts.values()) - green - skipped + len(broken),
        skipped_count=skipped,
        proving=_number(report.get("proving")),
        vacuous=_number(report.get("vacuous")),
        seconds=float(_number(run.get("seconds"))),
        red=tuple([*red, *broken][:SHOWN_RED]),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _number(value: object) -> Any:  # a JSON number, whole or not
    return value if isinstance(value, int | float) else 0
