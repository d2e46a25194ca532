"""The first line: product, task, and how the connection does."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from core.status import EngineStatus
from tui.widgets.numbers import clock_time, countdown, seconds
from tui.widgets.plain import one_line

LEAST_TASK_COLUMNS = 10


def breaker_words(status: EngineStatus) -> tuple[str, str]:
    """Return the worst breaker's state in words and its style; "closed" when there is none."""
    for breaker in status.breakers:
        if breaker.state == "open":
            return f"✗ breaker open {countdown(breaker.retry_in_seconds)}", "$text-error"
    for breaker in status.breakers:
        if breaker.state == "half-open":
            return "◐ breaker half-open", "$text-warning"
    return "✓ breaker closed", "$text-success"


def connection_label(status: EngineStatus | None) -> str:
    """Return what answers the calls, and its state unless it is ready."""
    if status is None:
        return "… starting"
    endpoint = status.endpoint
    kind = "embedded demo" if endpoint.kind == "embedded" else endpoint.label or endpoint.kind
    state = "" if endpoint.state in {"ready", "idle"} else f" {endpoint.state}"
    return one_line(f"{kind} {endpoint.model}{state}", 60).strip()


class HeaderBar(Static):
    """Product, task, breaker, latency and connection, as far as they fit; the task gives way first."""

    def __init__(self) -> None:
        super().__init__(id="header")
        self._named_task = ""
        self._status: EngineStatus | None = None
        self._shown: Content | None = None

    def show_task(self, task: str) -> None:
        """Name the task of this run."""
        self._named_task = one_line(task, 300)
        self._draw()

    def show_status(self, status: EngineStatus) -> None:
        """Take the state of the whole."""
        self._status = status
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.size.width - 2
        right = self._right(width)
        left = Content.styled("Quintet", "bold $text-primary")
        room = width - left.cell_length - right.cell_length - 4
        if self._named_task and room >= LEAST_TASK_COLUMNS:
            left = left + Content("  ") + Content(f"task: {self._named_task}").truncate(room, ellipsis=True)
        gap = max(1, width - left.cell_length - right.cell_length)
        content = (left + Content(" " * gap) + right).truncate(max(1, width))
        if self._shown is None or not content.is_same(self._shown):
            self._shown = content
            self.update(content, layout=False)

    def _right(self, width: int) -> Content:
        status = self._status
        parts: list[Content] = []
        if status is not None:
            if status.running:
                word = "⏸ paused" if status.paused else "▶ running"
                parts.append(Content(f"{word} {clock_time(status.run_seconds)}"))
            if status.breakers:
                words, style = breaker_words(status)
                parts.append(Content.styled(words, style))
            if status.latency.p95_seconds is not None:
                parts.append(Content(f"p95 {seconds(status.latency.p95_seconds)}s"))
        label = Content.styled(connection_label(status), "$foreground 60%")
        parts.append(label)
        # A narrow header keeps the first words: what runs and what is broken matter more than a name seen before.
        while len(parts) > 1 and Content("   ").join(parts).cell_length > width * 3 // 5:
            parts.pop()
        return Content("   ").join(parts)
