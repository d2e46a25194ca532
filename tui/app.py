"""The Textual application: shows what the engine does and hands it what the user wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.worker import Worker

from core.clock import Clock, SystemClock
from core.errors import ConfigValidationError, QuintetError
from core.text.sanitize import many_lines, one_line
from tui.bindings import ACTIONS, key_label, key_table, make_bindings
from tui.control.copy_commands import CopyCommands
from tui.control.engine_owner import EngineOwner, SettingsLoader
from tui.control.farewell import farewell
from tui.control.page_opener import PageOpener
from tui.control.palette import ActionProvider
from tui.control.run_controller import RunController
from tui.control.setting_effects import apply_settings
from tui.control.status_poll import StatusPoll
from tui.control.theme_choice import ThemeChoice
from tui.exit_codes import EXIT_USAGE
from tui.screens.main import MainScreen
from tui.terminal.app import TerminalApp
from tui.widgets.prompt.prompt import Prompt
from tui.widgets.stream.frame_clock import FrameClock
from tui.words.sample import SAMPLE_WORKFLOW
from tui.words.shown_path import shown_path
from tui.words.signs import Severity

if TYPE_CHECKING:
    from core.engine import Engine
    from core.events import Event
    from core.roster import AgentCard
    from core.settings import Settings
    from core.state.scoreboard import Scoreboard
    from core.state.status import AgentStatus, EngineStatus
    from tui.control.event_router import EventRouter
    from tui.screens.settings import SettingsScreen

GOODBYE_SECONDS = 5.0  # for closing connections and the embedded model; a hung server must not hold the terminal
READ_CHARACTERS_A_SECOND = 15
SHORTEST_TOAST_SECONDS = 2.0  # a few quick key presses must not cover the pane with their toasts
LONGEST_TOAST_SECONDS = 15.0
EVERYWHERE = frozenset({"quit", "help", "interrupt"})  # actions whose keys work over every page


class QuintetApp(TerminalApp):
    """The terminal front end.

    Args:
        task: starts a run at once.
        output_dir: where the files go; None gives every run a folder of its own.
        agents: who takes part in the first run; None means everybody.
        overrides: settings of the command line by their dotted names; `ui.*` are used for the first paint already.
        load_settings: returns the checked settings; called in a thread after the first paint. None asks all sources.
        clock: time for countdowns.
        connect: False shows events that somebody feeds to `receive`, without an engine: a replay.
    """

    TITLE = "Quintet"
    CSS_PATH = Path(__file__).with_name("app.tcss")  # absolute: a subclass may be anywhere
    ENABLE_COMMAND_PALETTE = False  # our own action opens it, so that its key can be changed like any other
    COMMANDS: ClassVar[set[Any]] = {ActionProvider}  # Any: Textual's type of a provider source is not exported
    BINDINGS: ClassVar[list[BindingType]] = list(
        make_bindings("always", [row for row in ACTIONS if row.id in EVERYWHERE])
    )

    def __init__(
        self,
        *,
        task: str | None = None,
        output_dir: Path | None = None,
        agents: Sequence[str] | None = None,
        overrides: Mapping[str, object] | None = None,
        load_settings: SettingsLoader | None = None,
        clock: Clock | None = None,
        connect: bool = True,
    ) -> None:
        self._overrides = dict(overrides or {})
        super().__init__()
        self.frame_clock = FrameClock()
        self.clock = clock or SystemClock()
        self.main = MainScreen(clock=self.clock, cursor_blink=self._overrides.get("ui.cursor_blink") is not False)
        self._router: EventRouter | None = None  # comes with the panes, after the first paint
        self._replayed: Scoreboard | None = None  # of events that come from no engine
        self._owner = EngineOwner(load_settings, emit=self.receive, clock=self.clock)
        self._connect = connect
        self._engine_task: Worker[None] | None = None
        self.status_poll = StatusPoll(
            self,
            read=lambda: self.engine.status() if self.engine is not None else None,
            show=self.show_status,
            tick=self.main.tick,
        )
        self.controller = RunController(
            self,
            self.main,
            task=task,
            output_dir=output_dir,
            agents=tuple(agents) if agents else None,
            workflow=str(self._overrides.get("team.workflow", SAMPLE_WORKFLOW)),
            problem="" if connect else "this is a replay: nothing can be sent",
        )
        self._pages = PageOpener(
            self,
            self,
            main=self.main,
            history=lambda: self._router.history if self._router is not None else None,
            overrides=self._overrides,
            clock=self.clock,
        )
        self.themes = ThemeChoice(self, self._overrides, self.say)
        self._copies = CopyCommands(self, self.main, self.say)
        self.commands = self._make_commands()
        animation = self._overrides.get("ui.animation")
        if animation in ("full", "basic", "none"):
            self.animation_level = animation
        self.themes.use(self.themes.first)

    def _make_commands(self) -> Mapping[str, Callable[..., object]]:
        """Return what each command of the registry of actions does; one that returns an awaitable is awaited."""
        main, go, run, pages = self.main, self.main.navigation, self.controller, self._pages
        return {
            "back": main.go_back,
            "next_pane": go.next_pane,
            "previous_pane": go.previous_pane,
            "focus_pane": go.focus_pane,
            "scroll_up": go.scroll_up,
            "scroll_down": go.scroll_down,
            "top": go.top,
            "bottom": go.bottom,
            "to_prompt": go.to_prompt,
            "zoom": go.zoom,
            "sidebar": main.layout_choice.toggle_sidebar,
            "result": run.show_result,
            "next_layout": main.layout_choice.force_next,
            "toggle_agent": run.toggle_agent,
            "stop_agent": run.stop_agent,
            "pause": run.pause,
            "retry_now": run.retry_now,
            "next_workflow": run.next_workflow,
            "interrupt": self._interrupt,
            "copy_message": self._copies.copy_message,
            "copy_code": self._copies.copy_code,
            "dashboard": pages.dashboard,
            "show_log": pages.log,
            "settings": pages.settings,
            "palette": pages.palette,
            "help": pages.help,
            "next_theme": self.themes.use_next,
            "quit": self.action_quit,
        }

    async def action_command(self, name: str, *arguments: int) -> None:
        """Do what a key, a click or the palette asks for."""
        done = self.commands[name](*arguments)
        if isawaitable(done):
            await done

    # Start.

    def get_default_screen(self) -> MainScreen:
        return self.main

    def on_mount(self) -> None:
        self.status_poll.start()
        if self._connect and not self.is_headless:
            self.leave_on_signals(self._leave_soon)

    @on(MainScreen.FirstFramePainted)
    def _start_engine(self) -> None:
        self._engine_task = self._complete()

    @work(group="engine", exit_on_error=False)
    async def _complete(self) -> None:
        """Bring up, after the first paint, what it did not wait for: the panes, and then the engine behind them."""
        try:
            cards, self._replayed, self._router = await asyncio.to_thread(self._make_router)
            await self.main.show_team(cards)
            if self._connect:
                await self._owner.live(
                    self._overrides, on_settings=self._apply_settings, on_engine=self._engine_is_there
                )
        except ConfigValidationError as error:
            self.last_words = tuple(many_lines(str(error)).splitlines())
            self.exit(EXIT_USAGE, return_code=EXIT_USAGE)
        except QuintetError as error:
            self.say(str(error), "error")
            self.controller.refuse(str(error))
        except Exception as error:  # noqa: BLE001  # the outer edge: without an engine the app still says why
            self.controller.refuse(self.report_fault(error))

    def _make_router(self) -> tuple[tuple[AgentCard, ...], Scoreboard, EventRouter]:
        from core.roster import read_roster
        from core.state.scoreboard import Scoreboard
        from tui.control.event_router import EventRouter

        cards = read_roster()
        board = Scoreboard([card.agent_id for card in cards])

        def status_of(agent_id: str) -> AgentStatus:
            engine = self.engine
            return engine.agent_status(agent_id) if engine else board.agent(agent_id, True, self.clock.monotonic())

        return cards, board, EventRouter(self.main, say=self.say, status_of=status_of)

    def _engine_is_there(self) -> None:
        if (engine := self.engine) is not None:
            for warning in engine.warnings:
                if warning not in engine.settings.warnings:  # else it was said before the start
                    self.say(warning, "warning")
        self.controller.open()
        self.status_poll.wake()
        self.status_poll.pull()
        self._warm_up()
        self.controller.start_waiting_task()

    @property
    def engine(self) -> Engine | None:
        """The engine; None while it starts, after it has ended, and when it cannot be had."""
        return self._owner.engine

    @work(group="warm-up", exit_on_error=False)
    async def _warm_up(self) -> None:
        """Start the embedded model before it is needed, so that the first page says whether it can."""
        if self.engine is None:
            return
        try:
            await self.engine.warm_up()
        except QuintetError as error:
            self.say(str(error), "error")
        finally:
            self.status_poll.wake()

    async def _apply_settings(self, settings: Settings, log_warning: str | None) -> None:
        if settings.team.prompts_dir is not None:
            from core.roster import read_roster

            await self.main.show_team(await asyncio.to_thread(read_roster, settings.team.prompts_dir))
        apply_settings(self, settings)
        for pane in self.main.team.panes:
            pane.attempts_allowed = settings.llm.max_attempts
        table = key_table(settings.keys)
        self.set_keymap(table.keymap)
        self.main.show_keys(table)
        self.main.show_output_folder(shown_path(self.controller.output_dir or settings.workspace.output_dir))
        for warning in dict.fromkeys(filter(None, (*table.problems, *settings.warnings, log_warning))):
            self.say(warning, "warning")

    # Run.

    def receive(self, event: Event) -> None:
        """Show one event; the engine's sink. Events that come while the app closes are not shown."""
        if self.is_running and self._router is not None and self._replayed is not None:
            if self.engine is None:  # else its own scoreboard has taken the event already
                self._replayed.follow(event)
            self._router.receive(event)
            self.status_poll.wake()

    def show_status(self, status: EngineStatus) -> None:
        """Show the state of the whole."""
        if self._router is not None:
            self._router.expect_note(status.endpoint.note)
            self._router.history.take(status, self.clock.monotonic())
        self.main.show_status(status)

    def begin(self, run: Coroutine[None, None, None]) -> None:
        """Let a run go on beside everything else."""
        self.run_worker(run, group="run", exit_on_error=False)

    @on(Prompt.Sent)
    def _prompt_sent(self, message: Prompt.Sent) -> None:
        self.controller.send(message.text)

    @on(MainScreen.WorkflowChosen)
    def _workflow_chosen(self, message: MainScreen.WorkflowChosen) -> None:
        self.controller.choose_workflow(message.workflow)

    def use_workflow(self, workflow: str) -> None:
        """Let the next run follow a workflow, and say so once there is an engine that knows it."""
        if self.engine is None:
            self.controller.workflow = workflow
        else:
            self.controller.choose_workflow(workflow)

    def _interrupt(self) -> None:
        if not self._copies.copy_selection() and not self.controller.stop_run():
            keys = " or ".join(key_label(key) for key in self.main.table.find("quit").all_keys)
            self.say(f"nothing runs; to leave press {keys}")

    @on(MainScreen.StopRequested)
    def _stop_requested(self) -> None:
        self.controller.stop_run()

    def on_settings_screen_saved(self, message: SettingsScreen.Saved) -> None:
        apply_settings(self, message.settings, message.names)

    def say(self, message: str, severity: Severity = "information") -> None:
        """Show a toast for as long as it takes to read, unless it stands there already; it is never read as markup."""
        text = many_lines(message, 600)
        if any(toast.message == text for toast in self._notifications):
            return
        seconds = min(max(len(text) / READ_CHARACTERS_A_SECOND, SHORTEST_TOAST_SECONDS), LONGEST_TOAST_SECONDS)
        self.notify(text, severity=severity, timeout=seconds, markup=False)

    def report_fault(self, error: Exception) -> str:
        """Log a fault of our own with its traceback, show it, and return the words for it."""
        from core.telemetry.logs import log

        log("ERROR", "the front end met a fault", exception=error)
        words = f"internal fault {type(error).__name__}: {one_line(str(error))} - the log has the details"
        self.say(words, "error")
        return words

    def crashed(self, error: Exception) -> tuple[str, ...]:
        """Log a fault that ends the app, and say what happened, where the details are and what became of the run."""
        from core.telemetry.logs import current_log_file, log

        log("ERROR", "the app crashed", exception=error)
        log_file = current_log_file()
        details = f"the log has the details: {shown_path(log_file)}" if log_file else "no log was written"
        words, _ = farewell(
            self.engine.status() if self.engine is not None else None,
            self.controller.last_outcome,
            self.controller.last_refusal,
        )
        return (f"quintet: internal fault {type(error).__name__}: {one_line(str(error))} - {details}", *words)

    # End.

    async def action_quit(self) -> None:
        if not self._pages.settings_hold_back(lambda: self._leave_soon(0)):
            await self._leave(0)

    async def _leave(self, code: int) -> None:
        status = self.engine.status() if self.engine is not None else None
        await self._close_engine()
        words, run_code = farewell(status, self.controller.last_outcome, self.controller.last_refusal)
        self.last_words += words
        self.exit(code or run_code, return_code=code or run_code)

    async def _close_engine(self) -> None:
        """End the run and wait for the engine, but not for ever."""
        ended = await self._owner.close(GOODBYE_SECONDS)
        if not ended and self._engine_task is not None:
            self._engine_task.cancel()

    async def on_unmount(self) -> None:
        await self._close_engine()

    def _leave_soon(self, code: int) -> None:
        self.run_worker(self._leave(code), group="leave", exit_on_error=False)

    def run(self, **options: Any) -> int:  # Any: the options of App.run, passed on as they are
        """Run until the user leaves and return the exit code; what to say afterwards is in `last_words`."""
        code = super().run(**options)
        return code if code is not None else self.return_code or 0
