"""The log of this process: filtered by level, agent, run and words, and followed while it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, get_args

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from core.kinds import LogLevel
from core.telemetry.logs.reader import read_log_lines
from core.text.sanitize import one_line
from tui.screens.log_entry import LogEntryScreen
from tui.widgets.key_line import key_line
from tui.widgets.logs.view import LogView
from tui.words.shown_path import shown_path

READ_SECONDS = 0.5
DIM = "$foreground 60%"
KEYS = (
    ("Esc", "Back", "screen.dismiss"),
    ("⏎", "Open", "screen.open"),
    ("d/i/w/e", "Level", "screen.next_level"),
    ("a", "Agent", "screen.next_agent"),
    ("r/c", "Run", "screen.this_run"),
    ("/", "Text", "screen.search"),
    ("f", "Follow", "screen.follow"),
    ("x", "All", "screen.show_all"),
)
LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
NO_LOG = "No log is written. Set LOG_FILE to a file that you may write, and start again."
PLAIN_TEXT = "Plain text has no fields to open: set STRUCTURED_LOGGING=true and start again for whole entries."


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where the log is; None: there is none. `is_structured`: its lines are JSON."""

    path: Path | None
    is_structured: bool = True


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries are shown; None and "" leave all of them."""

    level: LogLevel | None = None
    agent_id: str | None = None
    correlation_id: str | None = None
    text: str = ""


class LogScreen(Screen[None]):
    """Shows the log until Esc.

    Args:
        source: asked at every reading, since the settings can change while the screen is open.
        names: the short names of the agents by their ids.
        agent_id: whose lines are shown at first; None shows those of all.
        correlation_id: gives that of the run that is on or was last; "" if there was none.
        cursor_blink: whether the cursor of the input does.
    """

    AUTO_FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("q,L", "dismiss", "Back", show=False),
        *(Binding(level[0].lower(), f"level('{level}')", level, show=False) for level in LEVELS),
        Binding("a", "next_agent", "Agent", show=False),
        Binding("r", "this_run", "Run", show=False),
        Binding("c", "run_of_entry", "Its run", show=False),
        Binding("f", "follow", "Follow", show=False),
        Binding("x", "show_all", "All", show=False),
        Binding("slash", "search", "Text", show=False),
    ]

    def __init__(
        self,
        source: Callable[[], LogSource],
        *,
        names: Mapping[str, str],
        agent_id: str | None,
        correlation_id: Callable[[], str],
        cursor_blink: bool,
    ) -> None:
        super().__init__(id="log-screen")
        self._source = source
        self._names = names
        self._correlation_id = correlation_id
        self._wanted = LogFilter(agent_id=agent_id)
        self._read_with: tuple[LogSource, LogFilter] | None = None
        self._offset = 0
        self._is_reading = False
        self._head = Static(classes="screen-head")
        self._notice = Static(id="log-notice")
        self._input = Input(placeholder="words that the lines hold", id="log-text")
        self._input.cursor_blink = cursor_blink
        self._view = LogView(names)

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._notice
        yield self._view
        yield self._input
        yield Static(key_line(KEYS), classes="screen-keys")

    def on_mount(self) -> None:
        self._input.display = False
        self._notice.display = False
        self.set_interval(READ_SECONDS, self._look_again)
        self._show_head()
        self._look_again()

    # Keys.

    def action_back(self) -> None:
        if self._input.has_focus:
            self._view.focus()
            self._input.display = bool(self._input.value)
        else:
            self.dismiss()

    def action_level(self, level: LogLevel) -> None:
        self._want(replace(self._wanted, level=level))

    def action_next_level(self) -> None:
        place = LEVELS.index(self._wanted.level) if self._wanted.level is not None else 0
        self.action_level(LEVELS[(place + 1) % len(LEVELS)])

    def action_open(self) -> None:
        self._view.action_open()

    def action_next_agent(self) -> None:
        agents = (None, *self._names)
        place = agents.index(self._wanted.agent_id) if self._wanted.agent_id in agents else 0
        self._want(replace(self._wanted, agent_id=agents[(place + 1) % len(agents)]))

    def action_this_run(self) -> None:
        self._want_run(self._correlation_id(), "no run yet")

    def action_run_of_entry(self) -> None:
        marked = self._view.marked
        self._want_run(marked.correlation_id if marked is not None else None, "this line belongs to no run")

    def _want_run(self, correlation_id: str | None, without: str) -> None:
        """Show one run, or again all runs if it is that one already."""
        if not correlation_id:
            self.notify(without, markup=False)
            return
        is_shown = self._wanted.correlation_id == correlation_id
        self._want(replace(self._wanted, correlation_id=None if is_shown else correlation_id))

    def action_follow(self) -> None:
        self._view.follow(on=not self._view.following)

    def action_show_all(self) -> None:
        self._input.value = ""
        self._input.display = False
        self._want(LogFilter())

    def action_search(self) -> None:
        self._input.display = True
        self._input.focus()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self._want(replace(self._wanted, text=message.value.strip()))

    @on(Input.Submitted)
    def _typing_is_done(self) -> None:
        self.action_back()

    @on(LogView.Opened)
    def _opened(self, message: LogView.Opened) -> None:
        self.app.push_screen(LogEntryScreen(message.entry))

    @on(LogView.Moved)
    def _moved(self) -> None:
        self._show_head()

    # Reading.

    def _want(self, wanted: LogFilter) -> None:
        self._wanted = wanted
        self._show_head()
        self._look_again()

    def _look_again(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self.run_worker(self._read(), group="log", exit_on_error=False)

    async def _read(self) -> None:
        """Read what is new, again if the filter has changed meanwhile."""
        try:
            wanted = None
            while wanted != self._wanted:
                wanted = self._wanted
                await self._read_once(self._source(), wanted)
        finally:
            self._is_reading = False

    async def _read_once(self, source: LogSource, wanted: LogFilter) -> None:
        self._show_notice(NO_LOG if source.path is None else "" if source.is_structured else PLAIN_TEXT)
        is_other = self._read_with != (source, wanted)
        if source.path is None:
            return
        try:
            entries, offset = await asyncio.to_thread(
                read_log_lines,
                source.path,
                level=wanted.level,
                agent_id=wanted.agent_id,
                text=wanted.text,
                correlation_id=wanted.correlation_id,
                after_offset=0 if is_other else self._offset,
            )
        except OSError as error:
            self._show_notice(f"{shown_path(source.path)} cannot be read: {error.strerror}")
            return
        self._read_with, self._offset = (source, wanted), offset
        if is_other:
            self._view.replace(entries)
        elif entries:
            self._view.append(entries)

    # Words.

    def _show_notice(self, words: str) -> None:
        self._notice.display = bool(words)
        self._notice.update(Content(one_line(words, 400)))

    def _show_head(self) -> None:
        wanted, view = self._wanted, self._view
        path = self._source().path
        agent = self._names.get(wanted.agent_id, wanted.agent_id) if wanted.agent_id else "all"
        this = self._correlation_id()
        run = f"{wanted.correlation_id} only" if wanted.correlation_id else "all"
        known = f" (now {this})" if this and this != wanted.correlation_id else ""
        follows = Content.styled("▼ follows", "$text-success") if view.following else Content("■ stands")
        place = f" {view.cursor + 1}/{len(view.entries)}" if view.entries else " no lines"
        first = Content.assemble(
            ("Quintet log", "bold $text-primary"), (f"  {shown_path(path)}  times in UTC" if path else "", DIM)
        )
        level = f"{wanted.level}+" if wanted.level not in (None, "ERROR") else wanted.level or "all"
        second = Content.assemble(
            follows,
            f"{place}  level {level}  agent {one_line(agent, 20)}  run {one_line(run + known, 60)}",
            f"  text “{one_line(wanted.text, 30)}”" if wanted.text else "",
        )
        self._head.update(Content("\n").join([first, second]))
