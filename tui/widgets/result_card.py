"""How a run ended, in a few lines that stay: what was proven, what not, where the files are, how to run them, what is next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.widgets import Static

from core.state.suite import SuiteStatus, suite_of_report
from core.text.sanitize import one_line
from core.workflow.outcome import STATUS_OF_VERDICT
from tui.widgets.suite import counts_words
from tui.words.numbers import counted, duration
from tui.words.shown_path import shown_path
from tui.words.signs import OUTCOMES, VERDICTS

if TYPE_CHECKING:
    from core.events import RunFinished  # the first frame shows no event

LABEL_COLUMNS = 9
MOST_CHARACTERS = 400


class ResultCard(Static):
    """Shows how the last run ended, from its end until the next one begins; the user may put it away meanwhile."""

    def __init__(self) -> None:
        super().__init__(id="result-card")
        self._rows: tuple[tuple[str, str, str], ...] = ()
        self.display = False

    def show(self, event: RunFinished) -> None:
        """Show how a run ended."""
        sign, word, style = OUTCOMES[event.status]
        self.set_classes(f"-{event.status}")
        # A run can fail although its tests prove what was delivered: a file is missing, and the first row says so.
        means = f": {VERDICTS[event.verdict]}" if STATUS_OF_VERDICT[event.verdict] == event.status else ""
        self.border_title = Content.styled(f"{sign} {word}{means}", f"bold {style}")
        self._rows = tuple(result_rows(event))
        self.display = True
        self.refresh(layout=True)

    def clear(self) -> None:
        """Forget the run that has ended: another one begins."""
        self._rows = ()
        self.display = False

    def toggle(self) -> bool:
        """Put the card away, or show it again; False if no run has ended."""
        if not self._rows:
            return False
        self.display = not self.display
        return True

    def render(self) -> Content:
        width = max(8, self.size.width - LABEL_COLUMNS)
        lines = [
            Content.styled(f"{label:<{LABEL_COLUMNS}}", "bold")
            + Content.styled(words, style).truncate(width, ellipsis=True)
            for label, words, style in self._rows
        ]
        return Content("\n").join(lines)


def result_rows(event: RunFinished) -> Iterator[tuple[str, str, str]]:
    """Give label, words and style of each line; what says nothing of this run is left out."""
    suite = suite_of_report(event.evidence) if event.evidence else None
    if event.reason:
        yield "Why", _words(event.reason), OUTCOMES[event.status][2]
    elif suite is not None and suite.verdict == "pass":
        yield "Proven", _words(suite.reason), OUTCOMES[event.status][2]
    if suite is not None:
        yield from _test_rows(suite, event.evidence)
    opinion = event.evidence.get("opinion") or {}
    if opinion.get("value") in {"pass", "fail"}:
        yield "Opinion", f"QA: {opinion['value']} (an opinion of a model, which decided nothing)", "$foreground 80%"
    folder = shown_path(event.output_dir)
    yield "Files", f"{counted(len(event.files), 'file')} in {_words(folder)}, the evidence in report.md", ""
    if event.run_command:
        yield "Run it", f"cd {shlex.quote(folder)} && {_words(event.run_command)}", ""
    yield "Next", _next(event, folder), ""


def _test_rows(suite: SuiteStatus, evidence: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if suite.rung:
        lasted = f"{suite.runner} in {suite.rung}, {duration(suite.seconds)}"
        rounds = evidence.get("rounds") or ()
        of_round = f"; files of round {suite.round + 1} of {len(rounds)}" if len(rounds) > 1 else ""
        yield "Tests", f"{counts_words(suite)} ({lasted}{of_round})", ""
    for red in suite.red[:2]:
        yield "Red", _words(f"{red.name}: {red.message}" if red.message else red.name), "$text-error"
    if suite.vacuous:
        yield "Empty", f"{counted(suite.vacuous, 'test')} would not notice missing code", "$text-warning"
    untested = len(evidence.get("untested_examples") or ())
    if untested:
        yield "Untested", f"{counted(untested, 'example')} of the task", "$text-warning"
    if suite.hint and not suite.rung:
        yield "To do", _words(suite.hint), ""


def _next(event: RunFinished, folder: str) -> str:
    again = "Up brings the task back for another try"
    if event.verdict in {"none", "not_executed"} or not event.files:
        return again
    return f"quintet test {shlex.quote(folder)} runs the tests again; {again}"


def _words(text: str) -> str:
    return one_line(text, MOST_CHARACTERS)
