"""The one working screen: header, panes, sidebar, prompt and keys; draws what it is told and decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from core.clock import Clock
from core.text.sanitize import one_line
from tui.bindings import Action, KeyTable, is_typed, make_bindings
from tui.widgets.activity import Activity
from tui.widgets.header_bar import HeaderBar
from tui.widgets.key_bar import KeyBar
from tui.widgets.prompt.prompt import Prompt
from tui.widgets.sidebar import Sidebar
from tui.widgets.team_strip import TeamStrip
from tui.widgets.team_view import LAYOUT_NAMES, TeamView, is_too_small, layout_for
from tui.widgets.welcome import SAMPLE_TASK, SAMPLE_WORKFLOW, Welcome, WelcomeInfo

if TYPE_CHECKING:
    from core.roster import AgentCard
    from core.status import EngineStatus
    from tui.widgets.stream.agent_pane import AgentPane
    from tui.widgets.stream.stream_view import StreamView

PLACEHOLDER = f"Enter runs: {SAMPLE_TASK}"
PLACEHOLDER_RUNNING = "Words for the team while it works; @dev addresses one agent"
TWICE_SECONDS = 1.5  # two Esc further apart are two wishes to go back, not one to stop everything
LAYOUT_WISHES = ("auto", *LAYOUT_NAMES)


class MainScreen(Screen[None]):
    """Holds all panes; keys that need the engine go to the app.

    The panes come after the first paint, with `show_team`; until then there are none.
    """

    AUTO_FOCUS = "#prompt"  # in the first frame already

    BINDINGS: ClassVar[list[BindingType]] = [*make_bindings("always"), *make_bindings("panes")]

    class FirstFramePainted(Message):
        """The first frame is on the screen: now there is time for everything else."""

    class StopRequested(Message):
        """The user pressed Esc twice, which stops the run that may be on."""

    class WorkflowChosen(Message):
        """The user wants the next run to follow the workflow with this id."""

        def __init__(self, workflow: str) -> None:
            super().__init__()
            self.workflow = workflow

    def __init__(self, *, clock: Clock, cursor_blink: bool) -> None:
        super().__init__(id="main", classes="-welcome")
        self.table = KeyTable()
        self.cards: tuple[AgentCard, ...] = ()
        self.panes: tuple[AgentPane, ...] = ()
        self.workflows: Mapping[str, str] = {}
        self.activity = Activity(1)
        self.prompt = Prompt(placeholder=PLACEHOLDER, cursor_blink=cursor_blink)
        self._header = HeaderBar()
        self._strip = TeamStrip()
        self._welcome = Welcome()
        self._sidebar = Sidebar()
        self._key_bar = KeyBar(self.table.actions)
        self._team = TeamView(id="team")
        self._clock = clock
        self._status: EngineStatus | None = None
        self._output_folder = ""
        self._other_workflow = ""
        self._problem = ""
        self._layout_wish = "auto"
        self._sidebar_wish: bool | None = None
        self._escape_at: float | None = None
        self._user_chose_pane = False
        self._is_painted = False
        self._keys_offer_retry = False

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._strip
        with Horizontal(id="body"):
            yield self._welcome
            yield self._team
            yield self._sidebar
        with Horizontal(id="prompt-row"):
            yield Static(">", id="prompt-sign")
            yield self.prompt
        yield self._key_bar
        yield Static(id="too-small")

    def on_mount(self) -> None:
        self._arrange()
        self._show_keys()
        self.tick()

    def on_screen_resume(self) -> None:
        if not self._is_painted:  # not again when another screen gives way
            self._is_painted = True
            self.call_after_refresh(self.post_message, self.FirstFramePainted())

    # What the app tells the screen.

    def show_task(self, task: str) -> None:
        """Leave the welcome page and name the task."""
        self.leave_welcome()
        self._user_chose_pane = False
        self.activity.start()
        self._header.show_task(task)

    def show_outcome(self, status: str, verdict: str, files: int, duration_seconds: float) -> None:
        """Say how the run ended, until the next one begins; the first words stay."""
        if not self._header.has_outcome:
            self._header.show_outcome(status, verdict, files, duration_seconds)

    def show_output_folder(self, folder: str) -> None:
        """Say where the folders of the runs will be."""
        self._output_folder = folder
        self.tick()

    def show_problem(self, problem: str) -> None:
        """Say why there is no engine and will be none."""
        self._problem = problem
        self._header.show_problem()
        self.tick()

    def show_workflow(self, chosen: str, titles: Mapping[str, str]) -> None:
        """Say what the next run follows; `titles` are those of all workflows by their ids."""
        self.workflows = titles
        self._other_workflow = "" if chosen == SAMPLE_WORKFLOW else titles.get(chosen, chosen)
        self._header.show_workflow(self._other_workflow)
        self._show_placeholder()
        self.tick()

    def show_status(self, status: EngineStatus) -> None:
        """Draw the state of the whole."""
        had_run = self._status is not None and self._status.running
        self._status = status
        if status.running != had_run:
            self._show_placeholder()
            self._show_keys()
        for agent in status.agents:
            pane = self.pane_of(agent.agent_id)
            if pane is not None:
                pane.show_status(agent, is_paused=status.paused)
        self._header.show_status(status)
        self.tick()

    def tick(self) -> None:
        """Move countdowns and clocks on; paints only what looks different."""
        now = self._clock.monotonic()
        for pane in self.panes:
            pane.show_titles()
        self._strip.show(self.panes, self._team.active, now)
        if self.has_wait_to_end != self._keys_offer_retry:
            self._show_keys()
        if self.has_class("-welcome"):
            self._welcome.show(self._welcome_info())
        if self._sidebar.display and self.panes:
            self._sidebar.show(self._status, self.panes, now, self._problem)

    async def show_team(self, cards: tuple[AgentCard, ...]) -> None:
        """Give every agent a pane, instead of the panes there may be; before the first run."""
        if cards == self.cards:
            return
        make_pane = await asyncio.to_thread(_import_agent_pane)
        panes = tuple(make_pane(card, number, self._clock) for number, card in enumerate(cards, start=1))
        activity = Activity(len(cards) + 1)
        await self._team.replace_panes(*panes, activity)
        self.cards, self.panes, self.activity = cards, panes, activity
        self.tick()

    def show_keys(self, table: KeyTable) -> None:
        """Take the user's keys."""
        self.table = table
        self._show_keys()
        self.tick()

    def wish_layout(self, name: str) -> None:
        """Force a layout, or let the size of the terminal decide with "auto"."""
        self._layout_wish = name
        self._arrange()

    def pane_of(self, agent_id: str) -> AgentPane | None:
        """Return the pane of an agent; None for one who came after the start."""
        return next((pane for pane in self.panes if pane.card.agent_id == agent_id), None)

    def look_at(self, pane: AgentPane) -> None:
        """Make the pane of an agent that begins to work the active one, unless the user reads or chose another."""
        active = self.active_agent
        if self._user_chose_pane or (active is not None and not active.view.following):
            return
        is_in_panes = self.focused is not None and self.focused is not self.prompt
        self._activate(self._team.index_of(pane))
        if is_in_panes:  # else the prompt would take the keys of a user whose pane gave way
            self._focus_active()

    def leave_welcome(self) -> None:
        """Show the panes."""
        self.set_class(False, "-welcome")

    @property
    def active_agent(self) -> AgentPane | None:
        """The active pane's agent; None while the files are looked at."""
        return self.panes[self._team.active] if self._team.active < len(self.panes) else None

    @property
    def arrangement(self) -> str:
        return self._team.arrangement

    @property
    def has_wait_to_end(self) -> bool:
        """Whether an agent waits for something that the user may end."""
        return any(pane.status.has_wait_to_end for pane in self.panes)

    async def run(self, action: Action) -> None:
        """Do what the keys of `action` do."""
        await self.app.run_action(action.action, self.prompt if action.layer == "prompt" else self)

    # Keys.

    def action_focus_pane(self, number: int) -> None:
        if number > len(self._team):  # there is no such pane, or none at all yet
            return
        self.leave_welcome()
        self._user_chose_pane = True
        self._activate(number - 1)
        self._focus_active()

    def action_next_pane(self) -> None:
        self._step(1)

    def action_previous_pane(self) -> None:
        self._step(-1)

    def action_scroll_up(self) -> None:
        self._scrolled().scroll_page_up(animate=False)

    def action_scroll_down(self) -> None:
        self._scrolled().scroll_page_down(animate=False)

    def action_top(self) -> None:
        self._scrolled().scroll_home(animate=False)

    def action_bottom(self) -> None:
        agent = self.active_agent
        if agent is not None and not self.has_class("-welcome"):
            agent.view.scroll_to_end_and_follow()
        else:
            self._scrolled().scroll_end(animate=False)

    def action_to_prompt(self) -> None:
        self.prompt.focus()

    def action_zoom(self) -> None:
        if self.panes:
            self.leave_welcome()
        self._team.zoomed = not self._team.zoomed

    def action_sidebar(self) -> None:
        self._sidebar_wish = not self._sidebar.display
        self._arrange()

    def action_next_layout(self) -> None:
        self.wish_layout(LAYOUT_WISHES[(LAYOUT_WISHES.index(self._layout_wish) + 1) % len(LAYOUT_WISHES)])
        self.notify(f"layout: {self._layout_wish}", markup=False)

    def action_back(self) -> None:
        now, before = self._clock.monotonic(), self._escape_at
        self._escape_at = now
        is_second = before is not None and now - before <= TWICE_SECONDS
        if is_second:
            self._escape_at = None
            self.post_message(
                self.StopRequested()
            )  # whether a run is on is asked there: what is shown may be a bit old
        if is_second and self._status is not None and self._status.running:
            return
        if self.prompt.has_focus:
            if self.panes:
                self.leave_welcome()
            self._focus_active()
        elif self._team.zoomed:
            self._team.zoomed = False

    def on_key(self, event: events.Key) -> None:
        """Type a letter without a meaning here into the prompt."""
        if event.key != "escape":
            self._escape_at = None
        if self.prompt.has_focus or event.character is None or not event.is_printable:
            return
        if event.key in self.active_bindings or not is_typed(event.key):
            return
        event.stop()
        self.prompt.focus()
        self.prompt.type_at_end(event.character)

    # What the widgets tell the screen.

    def on_resize(self) -> None:
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for index in range(len(self._team)):
            pane = self._team.pane_at(index)
            if event.widget is pane or pane in event.widget.ancestors:
                self._activate(index)
        self._show_keys()

    # By its name: the class of the panes is not there yet when this one is made.
    def on_agent_pane_state_changed(self) -> None:
        self._strip.show(self.panes, self._team.active, self._clock.monotonic())
        if self.has_wait_to_end != self._keys_offer_retry:
            self._show_keys()

    @on(TeamStrip.Chosen)
    def _cell_chosen(self, message: TeamStrip.Chosen) -> None:
        self.action_focus_pane(message.number)

    @on(KeyBar.Pressed)
    async def _key_clicked(self, message: KeyBar.Pressed) -> None:
        await self.run(message.action)

    def _step(self, step: int) -> None:
        if not self.panes:
            return
        self.leave_welcome()
        self._user_chose_pane = True
        self._activate((self._team.active + step) % len(self._team))
        if not self.prompt.has_focus:
            self._focus_active()

    def _activate(self, index: int) -> None:
        if index != self._team.active:
            self._team.active = index
            self.tick()

    def _scrolled(self) -> StreamView | Activity | Welcome:
        if self.has_class("-welcome"):
            return self._welcome
        agent = self.active_agent
        return agent.view if agent is not None else self.activity

    def _focus_active(self) -> None:
        self._scrolled().focus()

    def _arrange(self) -> None:
        if not self.is_mounted:
            return
        size = self.app.size
        name = layout_for(size, self._layout_wish)
        before = self.classes
        for other in LAYOUT_NAMES:
            self.set_class(other == name, f"-{other}", update=False)
        self.set_class(is_too_small(size), "-tiny", update=False)
        if self.classes != before:
            self.update_node_styles()
        self.query_one("#too-small", Static).update(
            Content(f"Too small: {size.width}x{size.height}.\nQuintet needs 60x20.\nNothing is lost; make it larger.")
        )
        self._sidebar.display = name != "compact" if self._sidebar_wish is None else self._sidebar_wish
        self._team.arrangement = name
        self.call_after_refresh(self.tick)

    def _show_placeholder(self) -> None:
        words = (
            f"A task for the workflow “{one_line(self._other_workflow, 40)}”" if self._other_workflow else PLACEHOLDER
        )
        is_running = self._status is not None and self._status.running
        self.prompt.placeholder = PLACEHOLDER_RUNNING if is_running else words

    def _welcome_info(self) -> WelcomeInfo:
        status = self._status
        return WelcomeInfo(
            self.cards,
            frozenset(agent.agent_id for agent in status.agents if not agent.enabled) if status else frozenset(),
            status.endpoint if status else None,
            self._output_folder,
            self._other_workflow,
            self.table,
            self._problem,
        )

    def _show_keys(self) -> None:
        running = self._status is not None and self._status.running
        self._keys_offer_retry = self.has_wait_to_end
        self._key_bar.show(
            self.table.actions, typing=self.prompt.has_focus, running=running, waiting=self._keys_offer_retry
        )


def _import_agent_pane() -> type[AgentPane]:
    from tui.widgets.stream.agent_pane import AgentPane

    return AgentPane
