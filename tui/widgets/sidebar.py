"""The health of the whole in one column: team, tokens, latency, breaker, pool, retries, files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from core.text.sanitize import one_line
from tui.widgets.breaker import breaker_lines
from tui.widgets.suite import suite_lines
from tui.words.alert_words import alert_head, alert_message
from tui.words.numbers import clock_time, cost_words, count, seconds

if TYPE_CHECKING:
    from core.state.status import AgentStatus, EndpointStatus, EngineStatus
    from tui.widgets.stream.agent_pane import AgentPane

MOST_ALERTS, ALERT_LINES = 4, 2
EMBEDDED_NOTE = "embedded demo model {model}: real, tiny, often wrong; set LLM_BASE_URL or OPENAI_API_KEY for real work"
WHAT_TO_DO = "`quintet doctor` says what is missing"


def model_words(endpoint: EndpointStatus) -> str:
    """Return one honest sentence about what answers the calls."""
    if endpoint.kind == "embedded":
        return one_line(EMBEDDED_NOTE.format(model=endpoint.model), 300)
    return one_line(f"{endpoint.model} at {endpoint.label}" if endpoint.model else endpoint.label, 300)


def model_note(status: EngineStatus) -> str:
    """Return what answers the calls, with its state unless it is ready."""
    endpoint = status.endpoint
    text = model_words(endpoint)
    if endpoint.state == "failed":
        text = f"✗ failed: {endpoint.note or text}; {WHAT_TO_DO}"
    elif endpoint.state == "starting":
        text = f"… starting: {text}"
    elif endpoint.note and endpoint.kind != "embedded":
        text = f"{text}; {endpoint.note}"
    return one_line(text, 400)


class Sidebar(VerticalScroll, can_focus=False):
    """Draws an EngineStatus; draws nothing while nothing has changed."""

    def __init__(self) -> None:
        super().__init__(id="sidebar")
        self._text = Static(id="sidebar-text")
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        yield self._text

    def show(self, status: EngineStatus | None, panes: Sequence[AgentPane], now: float, problem: str) -> None:
        """Draw the team from its panes and the rest from `status`; None while the engine starts, or with a problem."""
        width = max(16, self.size.width - 3)
        content = Content("\n").join(_lines(status, panes, now, width, problem))
        if self._shown is None or not content.is_same(self._shown):
            self._shown = content
            self._text.update(content)


def _head(word: str, more: str = "") -> Content:
    return Content.styled(word, "bold $text-primary") + Content(f"  {more}" if more else "")


def _lines(
    status: EngineStatus | None, panes: Sequence[AgentPane], now: float, width: int, problem: str
) -> Iterator[Content]:
    running = ""
    if status is not None and (status.running or status.run_seconds):
        running = ("⏸ paused " if status.paused else "run ") + clock_time(status.run_seconds)
        if status.round:
            running += f" round {status.round + 1}"
    yield _head("TEAM", running)
    counts = {agent.agent_id: agent for agent in status.agents} if status else {}
    for pane in panes:
        yield from _agent_lines(pane, counts.get(pane.card.agent_id), now, width)
    yield Content("")
    if status is not None and status.suite.state != "not_run":
        yield from suite_lines(status.suite, _head("TESTS"), now, width)
        yield Content("")
    if status is None:
        yield _head("MODEL")
        words = f"✗ not started: {one_line(problem, 400)}" if problem else "… finding out what answers"
        for line in textwrap.wrap(words, width - 1):
            yield Content.styled(f" {line}", "$text-error" if problem else "")
        return
    yield from _alert_lines(status, width)
    yield from _totals(status)
    yield Content("")
    for breaker in status.breakers:
        yield from breaker_lines(breaker, _head("BREAKER"), width)
    pool = status.pool
    slots = f"{pool.in_flight}/{pool.slots}" if pool.slots else str(pool.in_flight)
    rate = "" if pool.success_rate is None else f"  ok {pool.success_rate:.0%}"
    yield _head("POOL", f"busy {slots}  waits {pool.waiting}")
    yield Content(f" clients {pool.active_clients}{rate}")
    yield _head("FILES", f"{status.files_written} written")
    if status.files_rejected:
        yield Content.styled(f" ✗ {status.files_rejected} rejected", "$text-warning")
    yield Content("")
    yield _head("MODEL")
    for line in textwrap.wrap(model_note(status), width - 1):
        yield Content(f" {line}")


def _agent_lines(pane: AgentPane, status: AgentStatus | None, now: float, width: int) -> Iterator[Content]:
    label = pane.state_label
    speed = ""
    if status is not None and status.output_tokens:
        rate = f"{status.tokens_per_second:.0f}/s " if pane.status.state == "streaming" else ""
        speed = f"{rate}{count(status.output_tokens)}"
    name = Content(f" {one_line(pane.card.short, 4):<4} ")
    room = width - name.cell_length - len(speed) - 1
    words = one_line(pane.state_words(now), 40)
    if len(words) + 2 > room:
        words = pane.state_brief(now)
    state = Content.styled(f"{label.glyph} {words}", label.style)
    yield name + state.truncate(max(4, room), ellipsis=True, pad=True) + Content.styled(f" {speed}", "$foreground 60%")


def _alert_lines(status: EngineStatus, width: int) -> Iterator[Content]:
    if not status.alerts:
        return
    yield _head("ALERTS", str(len(status.alerts)))
    for alert in status.alerts[:MOST_ALERTS]:
        yield Content(" ") + alert_head(alert)
        for line in textwrap.wrap(alert_message(alert), width - 3, max_lines=ALERT_LINES, placeholder="…"):
            yield Content(f"   {line}")
    if len(status.alerts) > MOST_ALERTS:
        yield Content(f" and {len(status.alerts) - MOST_ALERTS} more")
    yield Content("")


def _totals(status: EngineStatus) -> Iterator[Content]:
    yield _head("TOKENS", f"{count(status.output_tokens)} out  {count(status.input_tokens)} in")
    yield Content(f" {status.tokens_per_second:.0f} tok/s now")
    cost = status.run_cost
    if cost.priced_calls or cost.unknown_calls or cost.local_calls:
        yield Content(f" cost {cost_words(cost)}")
    latency = status.latency
    three = (latency.p50_seconds, latency.p95_seconds, latency.p99_seconds)
    yield _head("LATENCY", "p50 p95 p99, s")
    yield Content(" " + " / ".join(seconds(value) for value in three))
    yield _head("CALLS", f"{status.requests}")
    failed = Content.styled(f"{status.errors} failed", "$text-error" if status.errors else "")
    yield Content(f" {status.retries} retries  ") + failed
