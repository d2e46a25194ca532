"""The first line: product, task, how the last run ended, and how the connection does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from core.text.sanitize import one_line
from tui.widgets.breaker import breaker_summary
from tui.words.numbers import clock_time, counted, seconds
from tui.words.signs import OUTCOMES, VERDICTS

if TYPE_CHECKING:
    from core.kinds import RunStatus, VerdictValue
    from core.state.status import EngineStatus

LEAST_TASK_COLUMNS = 10


def connection_label(status: EngineStatus | None, *, has_problem: bool) -> str:
    """Return what answers the calls, and its state unless it is ready; with a problem there is no engine and will be none."""
    if has_problem:
        return "✗ not started"
    if status is None:
        return "… starting"
    endpoint = status.endpoint
    kind = "embedded demo" if endpoint.kind == "embedded" else endpoint.label or endpoint.kind
    state = "" if endpoint.state in {"ready", "idle"} else f" {endpoint.state}"
    return one_line(f"{kind} {endpoint.model}{state}", 60).strip()


class HeaderBar(Static):
    """Product, task, breaker, latency and connection, as far as they fit; the task is shortened first."""

    def __init__(self) -> None:
        super().__init__(id="header")
        self._named_task = ""
        self._workflow = ""
        self._status: EngineStatus | None = None
        self._outcome: Content | None = None
        self._has_problem = False
        self._shown = Content("")

    def show_workflow(self, title: str) -> None:
        """Name the workflow beside the product; "" names none."""
        self._workflow = one_line(title, 30)
        self._draw()

    def show_task(self, task: str) -> None:
        """Name the task of a run that begins, and forget how the one before ended."""
        self._named_task = one_line(task, 300)
        self._outcome = None
        self._draw()

    def show_problem(self) -> None:
        """Say that there is no engine and will be none."""
        self._has_problem = True
        self._draw()

    def show_outcome(self, status: RunStatus, verdict: VerdictValue, files: int, duration_seconds: float) -> None:
        """Say how the run ended; stays until the next one begins."""
        sign, word, style = OUTCOMES[status]
        words = f"{sign} {word} {clock_time(duration_seconds)} · {counted(files, 'file')} · {VERDICTS[verdict]}"
        self._outcome = Content.styled(words, f"bold {style}")
        self._draw()

    @property
    def has_outcome(self) -> bool:
        """Whether the last run has ended and the next has not begun."""
        return self._outcome is not None

    def show_status(self, status: EngineStatus) -> None:
        """Take the state of the whole."""
        self._status = status
        self._draw()

    def render(self) -> Content:
        self._shown = self._content(self.size.width)
        return self._shown

    def _draw(self) -> None:
        if self.size.width and not self._content(self.size.width).is_same(self._shown):
            self.refresh()

    def _content(self, width: int) -> Content:
        right = self._right(width)
        left = Content.styled("Quintet", "bold $text-primary")
        if self._workflow:
            left = left + Content(f" · {self._workflow}")
        room = width - left.cell_length - right.cell_length - 4
        if self._named_task and room >= LEAST_TASK_COLUMNS:
            left = left + Content("  ") + Content(f"task: {self._named_task}").truncate(room, ellipsis=True)
        gap = max(1, width - left.cell_length - right.cell_length)
        return (left + Content(" " * gap) + right).truncate(max(1, width))

    def _right(self, width: int) -> Content:
        status = self._status
        parts: list[Content] = []
        if status is not None:
            if self._outcome is not None:
                parts.append(self._outcome)
            elif status.running:
                runs = "▶ testing" if status.suite.state == "running" else "▶ running"
                word = "⏸ paused" if status.paused else runs
                parts.append(Content(f"{word} {clock_time(status.run_seconds)}"))
            if status.breakers:
                parts.append(breaker_summary(status.breakers))
            if status.latency.p95_seconds is not None:
                parts.append(Content(f"p95 {seconds(status.latency.p95_seconds)}s"))
        words = connection_label(status, has_problem=self._has_problem)
        label = Content.styled(words, "$text-error" if self._has_problem else "$foreground 60%")
        parts.append(label)
        # A narrow header keeps the first words: what runs and what is broken matter more than a name seen before.
        while len(parts) > 1 and Content("   ").join(parts).cell_length > width * 3 // 5:
            parts.pop()
        return Content("   ").join(parts)
