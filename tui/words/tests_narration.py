"""What is said of tests that were executed: while they run, how they ended, and what is red."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from core.kinds import EvidenceVerdict
from core.state.suite import SuiteStatus, suite_of_report
from tui.words.event_words import EventWords, Note, TimelineEntry
from tui.words.numbers import counted, duration
from tui.words.signs import NoteKind

if TYPE_CHECKING:
    from core.events import TestsRan, TestsStarted  # the first frame shows no event

VERDICT_SIGNS: dict[EvidenceVerdict, tuple[str, str]] = {
    "pass": ("✓", "$text-success"),
    "fail": ("✗", "$text-error"),
    "unproven": ("!", "$text-warning"),
    "not_executed": ("!", "$text-warning"),
}
"""Sign and style of what an execution has shown."""


def tests_started(event: TestsStarted) -> EventWords:
    """Tell that tests run, where, and how many."""
    number = f"{counted(event.collected, 'test')} run" if event.collected is not None else "tests are running"
    words = f"{number} in {event.rung} ({event.runner}{_rework(event.round)})"
    return EventWords(log=f"  > {words}", note=Note(words), timeline=TimelineEntry(f"▶ {words}"))


def tests_ran(event: TestsRan) -> EventWords:
    """Tell how tests ended; the first red one by its name and its assertion."""
    suite = suite_of_report(event.report)
    words = suite_words(suite)
    lasted = f" ({duration(suite.seconds)} in {suite.rung})" if suite.rung else ""
    sign, style = VERDICT_SIGNS[suite.verdict or "not_executed"]
    kind: NoteKind = "error" if suite.verdict == "fail" else "info" if suite.verdict == "pass" else "warning"
    mark = "=" if suite.verdict == "pass" else "!"
    return EventWords(
        log=f"  {mark} {words}{lasted}",
        note=Note(words, kind),
        timeline=TimelineEntry(f"{sign} {words}{lasted}", style),
    )


def suite_words(suite: SuiteStatus) -> str:
    """Return how tests ended in one sentence, and of red ones what the first is and says."""
    verdict = suite.verdict or "not_executed"
    match verdict:
        case "pass":
            return suite.reason
        case "fail":
            if not suite.red:
                return f"tests fail: {suite.reason}"
            first = suite.red[0]
            said = f" - {first.message}" if first.message else ""
            return f"{counted(suite.total, 'test')}, {suite.red_count} red: {first.name}{said}"
        case "unproven":
            return f"{counted(suite.total, 'test')}, unproven: {suite.reason}"
        case "not_executed":
            hint = f" - {suite.hint}" if suite.hint else ""
            return f"tests were not executed: {suite.reason}{hint}"
        case _:
            assert_never(verdict)


def _rework(round_number: int) -> str:
    return f", rework {round_number}" if round_number else ""
