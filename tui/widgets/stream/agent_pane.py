"""One agent's pane: its stream, with its name, state, progress and follow marker in the border."""

from __future__ import annotations

from typing import assert_never

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from core.clock import Clock
from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallEvent,
    CallFailed,
    CallFinished,
    CallQueued,
    ContextTruncated,
    FirstTokenReceived,
    ReasoningReceived,
    StepFinished,
    StepStarted,
    TokensReceived,
)
from core.roster import AgentCard
from core.status import AgentStatus
from core.text.sanitize import one_line
from core.waits import Wait
from tui.widgets.stream.agent_state import BUSY, AgentState
from tui.widgets.stream.stream_view import NoteKind, StreamView
from tui.words.numbers import clock_time, count, duration
from tui.words.plain import plain

ROOM_FOR_DETAILS = 46  # columns; a narrower pane drops the model's name and the number of the try
BORDER_ENDS = 6  # columns of a border that its title cannot have: corners, lines and blanks
FALLBACK_BADGE = "⇄ fallback"
STEP_STATES = {"ok": "done", "partial": "partial", "failed": "failed"}


class AgentPane(Vertical):
    """Shows one agent; events come down as calls, a change of state goes up as a message."""

    class StateChanged(Message):
        """The agent's glyph or words changed."""

        def __init__(self, pane: AgentPane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, card: AgentCard, number: int, clock: Clock) -> None:
        super().__init__(id=f"pane-{number}", classes="pane")
        self.card = card
        self.number = number
        self.state = AgentState()
        self.attempts_allowed = 0  # 0: not known yet
        self.view = StreamView()
        self._clock = clock
        self._call_error = ""  # said already when the step ends because of it
        self._loading_call = ""  # the call whose pane has said that the model is loading
        self._titles: tuple[Content, Content] | None = None

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.show_titles()

    def receive(self, event: CallEvent) -> None:
        """Follow one event of a call of this agent; one of a past attempt changes nothing."""
        state, view = self.state, self.view
        match event:
            case CallQueued():
                self._queued(event)
            case AttemptStarted():
                self._begin(event)
            case _ if not state.is_current(event.call_id, event.attempt) and not isinstance(event, AttemptReset):
                self._end_of_other_attempt(event)
            case FirstTokenReceived():
                self._enter("streaming")
            case TokensReceived():
                new, missing = state.take(event)
                if missing:
                    view.add_note(f"{missing} characters were not shown here; the finished answer is whole", "warning")
                view.feed(new)
                if state.state != "streaming":
                    self._enter("streaming")
            case ReasoningReceived():
                if state.state != "streaming":
                    self._enter("thinking", "reasoning")
            case AttemptFailed():
                self._attempt_failed(event)
            case AttemptReset():
                if event.call_id == state.call_id and event.attempt >= state.attempt:
                    view.reset_answer()
                    state.begin_attempt(event.call_id, event.attempt)
            case ContextTruncated():
                self.note(f"the prompt was too long: shortened from {event.before} to {event.after} tokens", "warning")
            case CallFinished():
                self._finish(event)
            case CallFailed():
                view.finish_answer(f"incomplete: {one_line(event.kind)}")
                self._call_error = f"{event.message} - {event.hint}" if event.hint else event.message
                self.note(self._call_error, "error")
                self._end("failed", event.at, event.kind)
            case CallCancelled():
                view.finish_answer("stopped: this answer is not whole")
                self._end("stopped", event.at)
            case _:
                assert_never(event)

    def begin_run(self) -> None:
        """Forget how the run before ended; its text stays."""
        self.state.state, self.state.detail, self.state.wait = "idle", "", None
        self.state.is_fallback = False
        self.state.started_at = self.state.ended_at = None
        self.state.tokens = self.state.attempt = 0
        self.show_titles()

    def begin_step(self, event: StepStarted) -> None:
        """Say that the agent has a new job."""
        again = f" (rework {event.round})" if event.round else ""
        self._call_error = ""
        self.note(f"step {event.step}{again}")
        self._enter("thinking")

    def finish_step(self, event: StepFinished) -> None:
        """Show how the job ended."""
        if event.status == "skipped":
            self.note(f"step {event.step} was skipped" + (f": {event.notes}" if event.notes else ""))
            self._enter("off" if not self.state.enabled else "idle")
            return
        if event.status == "ok" and event.notes:
            self.note(event.notes, "warning")
        elif event.status != "ok":
            kind: NoteKind = "error" if event.status == "failed" else "warning"
            is_new = event.notes and event.notes != self._call_error
            self.note(f"step {event.step}: {event.status}" + (f": {event.notes}" if is_new else ""), kind)
        if self.state.state != "stopped":
            self._end(STEP_STATES.get(event.status, "done"), self.state.ended_at or event.at)

    def follow_status(self, status: AgentStatus, *, is_paused: bool) -> None:
        """Take over the engine's counts and state."""
        self.state.follow_status(status, is_paused=is_paused)
        self.show_titles()

    def note(self, text: str, kind: NoteKind = "info") -> None:
        """Add a line that is not part of an answer."""
        self.view.add_note(one_line(text, 600), kind)

    def show_titles(self) -> None:
        """Bring title and subtitle up to date; paints nothing when they are."""
        titles = (self._title(), self._subtitle())
        old_title, old_subtitle = self._titles or (None, None)
        self._titles = titles
        if old_subtitle is None or not titles[1].is_same(old_subtitle):
            self.border_subtitle = titles[1]
        if old_title is None or not titles[0].is_same(old_title):
            self.border_title = titles[0]
            self.post_message(self.StateChanged(self))

    def _title(self) -> Content:
        state, now = self.state, self._clock.monotonic()
        look = state.look
        words = one_line(state.words(now), 60)
        short = one_line(self.card.short, 4)
        room = self.outer_size.width - BORDER_ENDS  # below 0 while the pane has no place
        title = Content("")
        # A narrow border gives up the name before the end of the words: that is where a countdown stands.
        for name, what in ((one_line(self.card.title, 30), words), (short, words), (short, state.brief(now))):
            title = Content(f"{self.number} {name} ") + Content.styled(f"{look.glyph} {what}", look.style)
            if room < 0 or title.cell_length <= room:
                break
        return title

    def _subtitle(self) -> Content:
        state = self.state
        parts: list[str] = []
        wide = self.size.width >= ROOM_FOR_DETAILS
        if state.is_fallback:
            parts.append(FALLBACK_BADGE)
        if wide and state.model:
            parts.append(one_line(state.model, 28))
        if state.tokens:
            parts.append(f"{count(state.tokens)} tok")
        elapsed = state.elapsed_seconds(self._clock.monotonic())
        if elapsed is not None:
            parts.append(clock_time(elapsed))
        if state.attempt and (wide or state.attempt > 1):
            # A fallback has its own tries, and those that the user asks for are not counted.
            is_counted = state.attempt <= self.attempts_allowed
            parts.append(f"try {state.attempt}" + (f"/{self.attempts_allowed}" if is_counted else ""))
        shown = Content(" · ".join(parts))
        unread = self.view.unread_lines
        if not self.view.following:
            marker = f"▼ {unread} new lines (End)" if unread else "▼ more below (End)"
            shown = (shown + "  " if parts else shown) + Content.styled(marker, "bold $text-accent")
        return shown

    def on_resize(self) -> None:
        self.show_titles()

    def on_stream_view_follow_changed(self) -> None:
        self.show_titles()

    def _enter(self, state: str, detail: str = "", *, wait: Wait | None = None) -> None:
        self.state.state, self.state.detail, self.state.wait = state, detail, wait
        if state in BUSY:
            self.state.ended_at = None
        self.show_titles()

    def _queued(self, event: CallQueued) -> None:
        """Show what the call waits for; what it has received so far stays."""
        state = self.state
        if event.call_id != state.call_id:
            state.begin_attempt(event.call_id, 0)  # its answer begins with the next attempt, whatever its number
            state.started_at = event.at
        elif event.attempt < state.attempt:
            return
        state.in_call = True
        wait = Wait.in_line(event)
        self._enter(wait.state, wait=wait)

    def _begin(self, event: AttemptStarted) -> None:
        state = self.state
        if event.call_id == state.call_id and event.attempt < state.attempt:
            return
        if event.call_id == state.call_id and state.length:
            self.view.reset_answer()
        if event.call_id != state.call_id:
            state.started_at = event.at
        if event.call_id != state.call_id or state.attempt == 0:
            self.view.begin_answer(one_line(_heading(event.task_id), 60))
        state.begin_attempt(event.call_id, event.attempt)
        state.in_call = True
        state.model, state.is_fallback = event.model, event.fallback
        self._enter("thinking")

    def _attempt_failed(self, event: AttemptFailed) -> None:
        if event.kind != "loading":
            self.note(f"try {event.attempt} failed: {event.message}", "warning")
        elif self._loading_call != event.call_id:  # it is asked again and again
            self._loading_call = event.call_id
            self.note(event.message)
        wait = Wait.after(event)
        if wait is not None:
            self._enter(wait.state, wait=wait)

    def _finish(self, event: CallFinished) -> None:
        view = self.view
        if self.state.attempt == 0:  # it was never sent, so nothing has begun its answer
            view.begin_answer(one_line(_heading(event.task_id), 60))
        if self.state.length != len(event.text) or view.answer_source != event.text:
            view.reset_answer()
            view.feed(event.text)
        about = "about " if event.usage.estimated else ""
        made = f"{about}{count(event.usage.output_tokens)} tokens in {duration(event.duration_seconds)}"
        view.finish_answer(("from the cache" if event.cached else made) + _how_it_ended(event.finish_reason))
        self.state.tokens = max(self.state.tokens, event.usage.output_tokens)
        self._end("done", event.at)

    def _end_of_other_attempt(self, event: CallEvent) -> None:
        """A call may end without having sent anything: its end is then of attempt 0, and must still be seen."""
        state = self.state
        if event.call_id == state.call_id and isinstance(event, CallFailed | CallCancelled):
            state.attempt = event.attempt
            self.receive(event)
        elif event.call_id != state.call_id and isinstance(event, CallFinished) and event.cached:
            state.begin_attempt(event.call_id, 0)
            state.started_at = event.at - event.duration_seconds
            self._finish(event)

    def _end(self, state: str, at: float, detail: str = "") -> None:
        self.state.ended_at, self.state.in_call = at, False
        self._enter(state, one_line(detail, 40))

    def border_text(self) -> tuple[str, str]:
        """Return title and subtitle as they are shown."""
        title, subtitle = self._titles or (plain(""), plain(""))
        return title.plain, subtitle.plain


def _how_it_ended(finish_reason: str) -> str:
    """Return what is to be said of an end that is not the ordinary one."""
    if finish_reason == "length":
        return " · cut off at its length limit"
    return "" if finish_reason == "stop" else f" · ended by {one_line(finish_reason, 20)}"


def _heading(task_id: str) -> str:
    """Return what an answer is about: the file or the job after the step's name, else the whole id."""
    _, _, job = task_id.partition("/")
    return job or task_id
