"""Where events arrive: each goes by a direct call to the pane that shows it; nothing waits in a queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from core.events import (
    AlertFired,
    AlertResolved,
    ApprovalGiven,
    ApprovalRequested,
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    BreakerChanged,
    BudgetReached,
    CallCancelled,
    CallFailed,
    CallFinished,
    CallQueued,
    ContextTruncated,
    Event,
    FileRejected,
    FileWritten,
    FirstTokenReceived,
    HandOffMade,
    RateLimited,
    ReasoningReceived,
    RunFinished,
    RunStarted,
    SteeringReceived,
    StepFinished,
    StepStarted,
    TestsRan,
    TokensReceived,
    Warned,
)
from core.status import AgentStatus
from core.text.sanitize import one_line
from core.waits import countdown
from tui.bindings import key_label
from tui.screens.main import MainScreen
from tui.widgets.activity import FileRow
from tui.widgets.dashboard.session_history import SessionHistory
from tui.widgets.header_bar import OUTCOMES
from tui.widgets.stream.agent_pane import AgentPane
from tui.words.alert_words import SEVERITIES
from tui.words.numbers import clock_time, counted
from tui.words.shown_path import shown_path

TOAST_REASON_CHARACTERS = 160
TOASTS = {"critical": "error", "warning": "warning", "info": "information"}
# Their own events have lines in the timeline, and the opening a toast that also says what to press.
NEWS_OF_BREAKERS = frozenset({"breaker_opened", "breaker_recovered"})


class EventRouter:
    """Takes every event of a run, after the scoreboard has.

    `say(message, severity)` shows a toast; `status_of(agent_id)` asks the scoreboard.

    Attributes:
        history: what the dashboard and the log want to know of what has been.
    """

    def __init__(self, main: MainScreen, *, say: Callable[..., None], status_of: Callable[[str], AgentStatus]) -> None:
        self.history = SessionHistory()
        self._main = main
        self._say = say
        self._status_of = status_of
        self._started_at: float | None = None
        self._fallbacks: dict[str, str] = {}  # agents whose last attempt went to another endpoint than the first
        self._shown_note = ""

    def expect_note(self, note: str) -> None:
        """Take the words about the connection that stand on the screen all the time: no toast repeats them."""
        self._shown_note = note

    def receive(self, event: Event) -> None:
        """Show one event."""
        self.history.follow(event)
        main = self._main
        match event:
            case TokensReceived():
                pane = main.team.pane_of(event.agent_id)
                if pane is not None:
                    if pane.status.state != "streaming":  # else the tokens change nothing but a count
                        self._show_status(pane)
                    pane.receive(event)
            case (
                CallQueued()
                | AttemptStarted()
                | FirstTokenReceived()
                | ReasoningReceived()
                | AttemptFailed()
                | AttemptReset()
                | ContextTruncated()
                | CallFinished()
                | CallFailed()
                | CallCancelled()
            ):
                pane = main.team.pane_of(event.agent_id)
                if pane is not None:
                    self._show_status(pane)
                    pane.receive(event)
                if isinstance(event, AttemptStarted):
                    self._follow_fallback(event)
            case RunStarted():
                self._started_at = event.at
                self._fallbacks.clear()
                main.show_task(event.task)
                for agent_pane in main.team.panes:
                    self._show_status(agent_pane)
                self._log(event.at, f"▶ run started: {event.workflow}, files go to {shown_path(event.output_dir)}")
            case RunFinished():
                self._finish_run(event)
            case StepStarted():
                pane = main.team.pane_of(event.agent_id)
                if pane is not None:
                    self._show_status(pane)
                    pane.begin_step(event)
                    main.navigation.show_working(pane)
            case StepFinished():
                pane = main.team.pane_of(event.agent_id)
                if pane is not None:
                    self._show_status(pane)
                    pane.finish_step(event)
                if event.status != "ok":
                    self._log(event.at, f"◐ step {event.step}: {event.status}", "$text-warning")
            case HandOffMade():
                self._log(event.at, f"→ {self._name(event.from_)} → {self._name(event.to)}: {event.what}")
            case BreakerChanged():
                self._breaker(event)
            case RateLimited():
                wait = max(0.0, event.until - event.at)
                self._log(event.at, f"⏸ rate limited by the server for {wait:.0f} s", "$text-warning")
            case FileWritten():
                row = FileRow(event.path, event.bytes, event.version, "", self._name(event.agent_id))
                main.team.activity.add_file(row)
            case FileRejected():
                main.team.activity.add_file(FileRow(event.path, 0, 0, event.why, self._name(event.agent_id)))
                pane = main.team.pane_of(event.agent_id)
                if pane is not None:
                    pane.note(f"file rejected: {event.path}: {event.why}", "warning")
            case TestsRan():
                self._log(event.at, f"✓ checks: {_report_words(event.report)}")
            case ApprovalRequested():
                self._log(event.at, f"⏸ waits for your approval: {event.gate}", "$text-warning")
                self._say(f"the team waits for your approval: {event.gate}", "warning")
            case ApprovalGiven():
                self._log(event.at, f"✓ {event.gate}: {event.decision}")
            case SteeringReceived():
                self._steered(event)
            case AlertFired():
                self._alert(event)
            case AlertResolved():
                self._log(event.at, f"✓ resolved {event.name}: {event.message}")
            case BudgetReached():
                words = f"budget reached: {event.what} {event.used:g} of {event.limit:g}"
                self._log(event.at, f"■ {words}", "$text-warning")
                keys = key_label(main.table.find("pause").all_keys[0])
                self._say(f"{words}. The run is held; {keys} in the panes lets it go on for as much again.", "warning")
            case Warned():
                words = f"{event.message} - {event.hint}" if event.hint else event.message
                self._log(event.at, f"! {words}", "$text-warning")
                if event.message != self._shown_note:
                    self._say(words, "warning")
            case _:
                assert_never(event)

    def _show_status(self, pane: AgentPane) -> None:
        pane.show_status(self._status_of(pane.card.agent_id))

    def _finish_run(self, event: RunFinished) -> None:
        main = self._main
        sign, word, style = OUTCOMES.get(event.status, ("?", event.status, "$text-warning"))
        where = f"{counted(len(event.files), 'file')} in {shown_path(event.output_dir)}"
        why = f": {event.reason}" if event.reason else ""
        brief = one_line(why, TOAST_REASON_CHARACTERS)  # all of it stands in the pane
        main.show_outcome(event.status, event.verdict, len(event.files), event.duration_seconds)
        self._log(event.at, f"{sign} run {word}{why} ({clock_time(event.duration_seconds)}, {where})", style)
        failed = event.status == "failed"
        pane = main.team.active_agent or (main.team.panes[-1] if main.team.panes else None)
        if pane is not None:
            pane.note(f"run {word}{why}" if failed and why else f"run {word}: {where}", "error" if failed else "info")
        if failed:
            self._say(f"{sign} run {word}{brief}. {where}. Press Up to edit the task and send it again.", "error")
        else:
            self._say(f"{sign} run {word}{brief}. {where}.", "information" if event.status == "passed" else "warning")

    def _breaker(self, event: BreakerChanged) -> None:
        if event.new == "open" and event.old == "closed":
            when = f", next try in {countdown(event.retry_at - event.at)}" if event.retry_at is not None else ""
            self._say(
                f"{event.name} fails again and again: its breaker is open. Calls wait until it answers{when}. "
                f"{self._keys('retry_now')} retries now, {self._keys('interrupt')} stops the run.",
                "warning",
            )
        style = "$text-error" if event.new == "open" else "$text-warning" if event.new == "half-open" else ""
        self._log(event.at, f"breaker {event.name}: {event.old} → {event.new}", style)

    def _alert(self, event: AlertFired) -> None:
        """Tell of an alert: it comes when it begins, and again only as a reminder of a critical one."""
        sign, style = SEVERITIES.get(event.severity, ("?", "$text-warning"))
        if event.name not in NEWS_OF_BREAKERS:
            self._log(event.at, f"{sign} alert {event.name}: {event.message}", style)
        if event.name != "breaker_opened":
            self._say(f"{sign} {event.severity}: {event.message}", TOASTS.get(event.severity, "warning"))

    def _follow_fallback(self, event: AttemptStarted) -> None:
        """Say once when an agent's calls begin to go elsewhere."""
        if not event.fallback:
            self._fallbacks.pop(event.agent_id, None)
        elif self._fallbacks.get(event.agent_id) != event.endpoint:
            self._fallbacks[event.agent_id] = event.endpoint
            words = f"⇄ {self._name(event.agent_id)} uses the fallback {event.endpoint or event.model}"
            self._log(event.at, words, "$text-warning")

    def _keys(self, action_id: str) -> str:
        """Return what to press for an action from where the user is now."""
        action = self._main.table.find(action_id)
        key = key_label(action.all_keys[0])
        if action.layer == "panes" and self._main.prompt.has_focus:
            return f"{key_label(self._main.table.find('back').all_keys[0])} {key}"
        return key

    def _steered(self, event: SteeringReceived) -> None:
        pane = self._main.team.pane_of(event.agent_id) if event.agent_id else None
        for target in (pane,) if pane is not None else self._main.team.panes:
            target.note(f"you: {event.text}")
        self._log(event.at, f"you to {self._name(event.agent_id) if event.agent_id else 'all'}: {event.text}")

    def _log(self, at: float, text: str, style: str = "") -> None:
        self._main.team.activity.add_entry(at - self._started_at if self._started_at is not None else 0.0, text, style)

    def _name(self, agent_id: str) -> str:
        pane = self._main.team.pane_of(agent_id)
        return one_line(pane.card.short if pane is not None else agent_id, 30)


def _report_words(report: dict[str, object]) -> str:
    """Return the counts of a report; its other values belong to the runner."""
    words = [f"{key} {report[key]}" for key in ("passed", "failed", "errors") if key in report]
    return ", ".join(words) or "done"
