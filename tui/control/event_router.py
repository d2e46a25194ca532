"""Where events arrive: each goes by a direct call to the pane that shows it; nothing waits in a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallFailed,
    CallFinished,
    CallQueued,
    ContextTruncated,
    Event,
    FileRejected,
    FileWritten,
    FirstTokenReceived,
    ReasoningReceived,
    RunFinished,
    RunStarted,
    SteeringReceived,
    StepFinished,
    StepStarted,
    TestsRan,
    TestsStarted,
    TokensReceived,
)
from core.state.status import AgentStatus
from core.text.sanitize import one_line
from tui.bindings import key_label
from tui.control.services import Say
from tui.screens.main import MainScreen
from tui.widgets.activity import FileRow
from tui.widgets.dashboard.session_history import SessionHistory
from tui.words.event_words import EventWords
from tui.words.narration import Narrator

if TYPE_CHECKING:
    from tui.widgets.stream.agent_pane import AgentPane


class EventRouter:
    """Takes every event of a run, after the scoreboard has.

    Args:
        main: the screen that shows them.
        say: shows a toast.
        status_of: asks the scoreboard for the state of an agent.

    Attributes:
        history: what the dashboard and the log want to know of what has been.
    """

    def __init__(self, main: MainScreen, *, say: Say, status_of: Callable[[str], AgentStatus]) -> None:
        self.history = SessionHistory()
        self._main = main
        self._say = say
        self._status_of = status_of
        self._started_at: float | None = None
        self._narrator = Narrator(title=self._name, key=self._key, way_to=self._way_to)

    def expect_note(self, note: str) -> None:
        """Take the words about the connection that stand on the screen all the time: no toast repeats them."""
        self._narrator.shown_note = note

    def receive(self, event: Event) -> None:
        """Show one event, and what there is to say of it."""
        self.history.follow(event)
        main, team = self._main, self._main.team
        match event:
            case TokensReceived():
                pane = team.pane_of(event.agent_id)
                if pane is not None:
                    if pane.status.state != "streaming":  # else the tokens change nothing but a count
                        self._show_status(pane)
                    pane.receive(event)
                return  # there are many, and nothing is said of them
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
                pane = team.pane_of(event.agent_id)
                is_current = False
                if pane is not None:
                    self._show_status(pane)
                    is_current = pane.receive(event)
                self._show_words(event, self._narrator.tell(event), (pane,) if pane is not None and is_current else ())
                return
            case RunStarted():
                self._started_at = event.at
                main.show_task(event.task)
                for agent_pane in team.panes:
                    self._show_status(agent_pane)
            case RunFinished():
                main.show_outcome(event.status, event.verdict, len(event.files), event.duration_seconds)
                main.result_card.show(event)
            case StepStarted() | StepFinished():
                pane = team.pane_of(event.agent_id)
                if pane is not None:
                    self._show_status(pane)
            case FileWritten():
                row = FileRow(event.path, event.bytes, event.version, "", self._name(event.agent_id))
                team.activity.add_file(row)
            case FileRejected() if not event.asked_again:
                team.activity.add_file(FileRow(event.path, 0, 0, event.why, self._name(event.agent_id)))
            case _:
                pass  # there are only words to it
        self._show_words(event, self._narrator.tell(event), self._panes_for(event))
        if isinstance(event, StepStarted) and (pane := team.pane_of(event.agent_id)) is not None:
            main.navigation.show_working(pane)

    def _show_status(self, pane: AgentPane) -> None:
        pane.show_status(self._status_of(pane.card.agent_id))

    def _show_words(self, event: Event, words: EventWords, panes: Iterable[AgentPane]) -> None:
        if words.note is not None:
            for pane in panes:
                pane.note(words.note.text, words.note.kind)
        if words.timeline is not None:
            since_start = event.at - self._started_at if self._started_at is not None else 0.0
            self._main.team.activity.add_entry(since_start, words.timeline.text, words.timeline.style)
        if words.toast is not None:
            self._say(words.toast.text, words.toast.severity)

    def _panes_for(self, event: Event) -> tuple[AgentPane, ...]:
        """Return the panes that a note about the event belongs to."""
        team = self._main.team
        match event:
            case StepStarted() | StepFinished() | FileWritten() | FileRejected():
                pane = team.pane_of(event.agent_id)
            case SteeringReceived():
                pane = team.pane_of(event.agent_id) if event.agent_id else None
                if pane is None:
                    return team.panes
            case TestsStarted() | TestsRan() | RunFinished():
                pane = team.active_agent or (team.panes[-1] if team.panes else None)
            case _:
                return ()
        return (pane,) if pane is not None else ()

    def _key(self, action_id: str) -> str:
        return key_label(self._main.table.find(action_id).all_keys[0])

    def _way_to(self, action_id: str) -> str:
        """Return what to press for an action from where the user is now."""
        if self._main.table.find(action_id).layer == "panes" and self._main.prompt.has_focus:
            return f"{self._key('back')} {self._key(action_id)}"
        return self._key(action_id)

    def _name(self, agent_id: str) -> str:
        pane = self._main.team.pane_of(agent_id)
        return one_line(pane.card.short if pane is not None else agent_id, 30)
