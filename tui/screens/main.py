"""The one working screen: header, panes, sidebar, prompt and keys; draws, and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from core.clock import Clock
from core.text.sanitize import one_line
from tui.bindings import Action, KeyTable, is_typed, make_bindings
from tui.screens.layout_choice import LayoutChoice
from tui.screens.navigation import WELCOME_CLASS, Navigation
from tui.widgets.header_bar import HeaderBar
from tui.widgets.key_bar import KeyBar
from tui.widgets.prompt.prompt import Prompt
from tui.widgets.result_card import ResultCard
from tui.widgets.sidebar import Sidebar
from tui.widgets.team_strip import TeamStrip
from tui.widgets.team_view import TeamView
from tui.widgets.welcome import Welcome, WelcomeInfo
from tui.words.sample import SAMPLE_TASK, SAMPLE_WORKFLOW

if TYPE_CHECKING:
    from core.kinds import RunStatus, VerdictValue
    from core.roster import AgentCard
    from core.state.status import EngineStatus

PLACEHOLDER = f"Enter runs: {SAMPLE_TASK}"
PLACEHOLDER_RUNNING = "Words for the team while it works; @dev addresses one agent"
TWICE_SECONDS = 1.5  # two Esc further apart are two steps back, not one stop of everything


class MainScreen(Screen[None]):
    """Holds header, panes, sidebar, prompt and keys, and draws the state that it is given.

    The panes come after the first paint, with `show_team`; until then there are none.

    Attributes:
        table: the actions with the keys that they have now.
        workflows: the titles of all workflows by their ids.
        navigation: moves between the panes.
        layout_choice: lays the screen out.
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
        super().__init__(id="main", classes=WELCOME_CLASS)
        self.table = KeyTable()
        self.workflows: Mapping[str, str] = {}
        self.team = TeamView(clock)
        self.prompt = Prompt(placeholder=PLACEHOLDER, cursor_blink=cursor_blink)
        self._header = HeaderBar()
        self._strip = TeamStrip()
        self._welcome = Welcome()
        self._sidebar = Sidebar()
        self._key_bar = KeyBar(self.table.actions)
        self._too_small = Static(id="too-small")
        self.result_card = ResultCard()
        self.navigation = Navigation(self, team=self.team, prompt=self.prompt, welcome=self._welcome, changed=self.tick)
        self.layout_choice = LayoutChoice(
            self, team=self.team, sidebar=self._sidebar, too_small=self._too_small, arranged=self.tick
        )
        self._clock = clock
        self._status: EngineStatus | None = None
        self._output_folder = ""
        self._other_workflow = ""
        self._problem = ""
        self._escape_at: float | None = None
        self._is_painted = False
        self._keys_offer_retry = False

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._strip
        with Horizontal(id="body"):
            yield self._welcome
            yield self.team
            yield self._sidebar
        yield self.result_card
        with Horizontal(id="prompt-row"):
            yield Static(">", id="prompt-sign")
            yield self.prompt
        yield self._key_bar
        yield self._too_small

    def on_mount(self) -> None:
        self.layout_choice.arrange()
        self._show_keys()
        self.tick()

    def on_screen_resume(self) -> None:
        if not self._is_painted:  # not again when another screen is closed
            self._is_painted = True
            self.call_after_refresh(self.post_message, self.FirstFramePainted())

    # What is to be shown.

    def show_task(self, task: str) -> None:
        """Leave the welcome page and name the task."""
        self.navigation.begin_run()
        self.team.activity.start()
        self.result_card.clear()
        self._header.show_task(task)

    def show_outcome(self, status: RunStatus, verdict: VerdictValue, files: int, duration_seconds: float) -> None:
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
        had_run = self._is_running
        self._status = status
        if status.running != had_run:
            self._show_placeholder()
            self._show_keys()
        for agent in status.agents:
            pane = self.team.pane_of(agent.agent_id)
            if pane is not None:
                pane.show_status(agent, is_paused=status.paused)
        self._header.show_status(status)
        self.tick()

    def tick(self) -> None:
        """Move countdowns and clocks on; paints only what looks different."""
        now, panes = self._clock.monotonic(), self.team.panes
        for pane in panes:
            pane.show_titles()
        self._strip.show(panes, self.team.active, now)
        self._offer_retry()
        if self.navigation.is_at_welcome:
            self._welcome.show(self._welcome_info())
        if self._sidebar.display and panes:
            self._sidebar.show(self._status, panes, now, self._problem)

    async def show_team(self, cards: tuple[AgentCard, ...]) -> None:
        """Give every agent a pane, instead of the panes there may be; before the first run."""
        await self.team.show_team(cards)
        self.tick()

    def show_keys(self, table: KeyTable) -> None:
        """Take the user's keys."""
        self.table = table
        self._show_keys()
        self.tick()

    async def run(self, action: Action) -> None:
        """Do what the keys of `action` do."""
        await self.app.run_action(action.action, self.prompt if action.layer == "prompt" else self)

    def go_back(self) -> None:
        """Go one level back; for the second time in a row, stop the run."""
        now, before = self._clock.monotonic(), self._escape_at
        self._escape_at = now
        if before is not None and now - before <= TWICE_SECONDS:
            self._escape_at = None
            self.post_message(self.StopRequested())  # the engine knows whether a run is on; this picture may be old
            if self._is_running:
                return
        self.navigation.back()

    # What the user and the widgets do.

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

    def on_resize(self) -> None:
        self.layout_choice.arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.navigation.activate_focused(event.widget)
        self._show_keys()

    # By its name: the class of the panes is not there yet when this one is made.
    def on_agent_pane_state_changed(self) -> None:
        self._strip.show(self.team.panes, self.team.active, self._clock.monotonic())
        self._offer_retry()

    @on(TeamStrip.Chosen)
    def _cell_chosen(self, message: TeamStrip.Chosen) -> None:
        self.navigation.focus_pane(message.number)

    @on(KeyBar.Pressed)
    async def _key_clicked(self, message: KeyBar.Pressed) -> None:
        await self.run(message.action)

    @property
    def _is_running(self) -> bool:
        return self._status is not None and self._status.running

    def _show_placeholder(self) -> None:
        words = (
            f"A task for the workflow “{one_line(self._other_workflow, 40)}”" if self._other_workflow else PLACEHOLDER
        )
        self.prompt.placeholder = PLACEHOLDER_RUNNING if self._is_running else words

    def _welcome_info(self) -> WelcomeInfo:
        status = self._status
        return WelcomeInfo(
            self.team.cards,
            frozenset(agent.agent_id for agent in status.agents if not agent.enabled) if status else frozenset(),
            status.endpoint if status else None,
            self._output_folder,
            self._other_workflow,
            self.table,
            self._problem,
        )

    def _offer_retry(self) -> None:
        """Show the key that ends a wait as long as there is one to end."""
        if self.team.has_wait_to_end != self._keys_offer_retry:
            self._show_keys()

    def _show_keys(self) -> None:
        self._keys_offer_retry = self.team.has_wait_to_end
        self._key_bar.show(
            self.table.actions,
            typing=self.prompt.has_focus,
            running=self._is_running,
            waiting=self._keys_offer_retry,
        )
