"""The tests of a run in a few lines: whether they run, how many are green, what is red and what is not proven."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.content import Content

from core.text.sanitize import one_line
from tui.words.numbers import clock_time, duration
from tui.words.tests_narration import VERDICT_SIGNS

if TYPE_CHECKING:
    from core.state.suite import SuiteStatus

MOST_RED, RED_LINES, REASON_LINES = 3, 2, 3


def suite_lines(suite: SuiteStatus, head: Content, now: float, width: int) -> Iterator[Content]:
    """Give the lines of the block, `head` in front of the first."""
    if suite.state == "running":
        number = f"{suite.collected} " if suite.collected is not None else ""
        yield head + Content(f"  ▶ {number}running {clock_time(now - suite.started_at)}")
        yield Content(f" {suite.runner} in {suite.rung}")
        return
    sign, style = VERDICT_SIGNS[suite.verdict or "not_executed"]
    yield head + Content("  ") + Content.styled(f"{sign} {counts_words(suite)}", style)
    if suite.rung:
        yield Content(f" {suite.runner} in {suite.rung} {duration(suite.seconds)}")
    if suite.vacuous:
        yield Content.styled(f" {suite.vacuous} prove nothing", "$text-warning")
    for red in suite.red[:MOST_RED]:
        yield Content.styled(" ✗ ", "$text-error") + Content(one_line(red.name, max(8, width - 4)))
        for line in _wrapped(red.message, width - 4, RED_LINES):
            yield Content(f"   {line}")
    if suite.red_count > MOST_RED:
        yield Content(f" and {suite.red_count - MOST_RED} more red")
    if not suite.red and suite.verdict != "pass":
        for line in _wrapped(suite.reason, width - 1, REASON_LINES):
            yield Content(f" {line}")


def counts_words(suite: SuiteStatus) -> str:
    """Return how many tests ended how: 6 green, 1 red, 2 skipped."""
    parts = ((suite.green_count, "green"), (suite.red_count, "red"), (suite.skipped_count, "skipped"))
    return ", ".join(f"{number} {word}" for number, word in parts if number) or "not executed"


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    return textwrap.wrap(one_line(text, 300), max(8, width), max_lines=lines, placeholder="…")
