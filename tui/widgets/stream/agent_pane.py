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
    TokensReceived,
)
from core.roster import AgentCard
from core.state.status import AgentStatus
from core.text.sanitize import one_line
from tui.widgets.stream.stream_view import StreamView
from tui.words.agent_state import StateLabel, call_seconds, state_brief, state_label, state_words
from tui.words.numbers import clock_time, count, duration
from tui.words.plain import plain
from tui.words.signs import NoteKind

ROOM_FOR_DETAILS = 46  # columns; a narrower pane drops the model's name and the number of the try
BORDER_ENDS = 6  # columns of a border that its title cannot have: corners, lines and blanks
FALLBACK_BADGE = "⇄ fallback"


class AgentPane(Vertical):
    """Shows one agent: its state as the scoreboard has it, and the text of its calls; changes go up as messages."""

    class StateChanged(Message):
        """The agent's glyph or words changed."""

        def __init__(self, pane: AgentPane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, card: AgentCard, number: int, clock: Clock) -> None:
        super().__init__(id=f"pane-{number}", classes="pane")
        self.card = card
        self.number = number
        self.status = AgentStatus(card.agent_id)
        self.attempts_allowed = 0  # 0: not known yet
        self.view = StreamView()
        self._clock = clock
        self._is_paused = False
        self._shown_call = ""  # whose answer the view holds
        self._shown_attempt = 0
        self._shown_characters = 0
        self._titles: tuple[Content, Content] | None = None

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.show_titles()

    def show_status(self, status: AgentStatus, *, is_paused: bool | None = None) -> None:
        """Show what the scoreboard has; `is_paused`: no new call begins now, None leaves that as it was."""
        self.status = status
        if is_paused is not None:
            self._is_paused = is_paused
        self.show_titles()

    def receive(self, event: CallEvent) -> bool:
        """Follow one event of a call, after `show_status`; False: its attempt is not current, and it shows nothing."""
        if (event.call_id, event.attempt) != (self.status.call_id, self.status.attempt):
            return False
        view = self.view
        match event:
            case TokensReceived():
                self._feed(event)
            case CallQueued() | FirstTokenReceived() | ReasoningReceived() | AttemptFailed() | ContextTruncated():
                pass  # they change the state alone, or make a note
            case AttemptStarted():
                self._start_attempt(event)
            case AttemptReset():
                if event.call_id == self._shown_call:
                    view.reset_answer()
                    self._show_attempt(event)
            case CallFinished():
                self._finish(event)
            case CallFailed():
                view.finish_answer(f"incomplete: {one_line(event.kind)}")
            case CallCancelled():
                view.finish_answer("stopped: this answer is not whole")
            case _:
                assert_never(event)
        return True

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

    @property
    def state_label(self) -> StateLabel:
        """How the state is shown."""
        return state_label(self.status, is_paused=self._is_paused)

    def state_words(self, now: float) -> str:
        """Return the state in words, those of a wait with its countdown."""
        return state_words(self.status, now, is_paused=self._is_paused)

    def state_brief(self, now: float) -> str:
        """Return the state in at most eight characters or so."""
        return state_brief(self.status, now, is_paused=self._is_paused)

    def _title(self) -> Content:
        label, now = self.state_label, self._clock.monotonic()
        words = one_line(self.state_words(now), 60)
        short = one_line(self.card.short, 4)
        room = self.outer_size.width - BORDER_ENDS  # below 0 while the pane has no place
        title = Content("")
        # A narrow border drops the name before the end of the words: that is where a countdown stands.
        for name, what in ((one_line(self.card.title, 30), words), (short, words), (short, self.state_brief(now))):
            title = Content(f"{self.number} {name} ") + Content.styled(f"{label.glyph} {what}", label.style)
            if room < 0 or title.cell_length <= room:
                break
        return title

    def _subtitle(self) -> Content:
        status = self.status
        parts: list[str] = []
        wide = self.size.width >= ROOM_FOR_DETAILS
        if status.is_fallback:
            parts.append(FALLBACK_BADGE)
        if wide and status.model:
            parts.append(one_line(status.model, 28))
        if status.output_tokens:
            parts.append(f"{count(status.output_tokens)} tok")
        elapsed = call_seconds(status, self._clock.monotonic())
        if elapsed is not None:
            parts.append(clock_time(elapsed))
        if status.attempt and (wide or status.attempt > 1):
            # A fallback has its own tries, and those that the user asks for are not counted.
            is_counted = status.attempt <= self.attempts_allowed
            parts.append(f"try {status.attempt}" + (f"/{self.attempts_allowed}" if is_counted else ""))
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

    def _show_attempt(self, event: CallEvent) -> None:
        self._shown_call, self._shown_attempt, self._shown_characters = event.call_id, event.attempt, 0

    def _have_answer(self, event: CallEvent) -> None:
        """Head the answer of a call that has shown nothing yet: a cached one ends without an attempt."""
        if event.call_id != self._shown_call or self._shown_attempt == 0:
            self.view.begin_answer(one_line(_heading(event.task_id), 60))
            self._show_attempt(event)

    def _start_attempt(self, event: AttemptStarted) -> None:
        self._have_answer(event)
        if self._shown_characters:
            self.view.reset_answer()
        self._show_attempt(event)

    def _feed(self, event: TokensReceived) -> None:
        """Show what of the tokens is new, and say how many characters before them never arrived."""
        self._have_answer(event)
        held = self._shown_characters
        if event.offset > held:
            missing = f"{event.offset - held} characters were not shown here; the finished answer is whole"
            self.view.add_note(missing, "warning")
        self.view.feed(event.text[max(0, held - event.offset) :])
        self._shown_characters = max(held, event.offset + len(event.text))

    def _finish(self, event: CallFinished) -> None:
        view = self.view
        self._have_answer(event)
        if self._shown_characters != len(event.text) or view.answer_source != event.text:
            view.reset_answer()
            view.feed(event.text)
        about = "about " if event.usage.estimated else ""
        made = f"{about}{count(event.usage.output_tokens)} tokens in {duration(event.duration_seconds)}"
        view.finish_answer(("from the cache" if event.cached else made) + _how_it_ended(event.finish_reason))

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
