"""The Textual application: shows what the engine does and hands it what the user wants."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual import on, work
from textual.app import App
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.timer import Timer
from textual.worker import Worker

from core.clock import Clock, SystemClock
from core.errors import ConfigValidationError, QuintetError
from tui.addressing import read_address
from tui.bindings import ACTIONS, key_label, key_table, make_bindings
from tui.clipboard import osc52, write_copy
from tui.engine_life import EngineLife, SettingsLoader
from tui.frame_clock import FrameClock
from tui.palette import ActionProvider
from tui.screens.main import MainScreen
from tui.shown_path import shown_path
from tui.signals import watch_signals
from tui.theme import DEFAULT_THEME, first_theme_name, load_theme, shipped_theme_names
from tui.widgets.numbers import size
from tui.widgets.plain import many_lines, one_line
from tui.widgets.prompt import Prompt
from tui.widgets.welcome import SAMPLE_TASK, SAMPLE_WORKFLOW

if TYPE_CHECKING:
    from core.engine import Engine
    from core.events import Event
    from core.roster import AgentCard
    from core.settings import Settings
    from core.status import EngineStatus
    from tui.reception import Reception

Severity = Literal["information", "warning", "error"]

PULL_SECONDS = 0.5
GOODBYE_SECONDS = 5.0  # for closing connections and the embedded model; a hung server must not hold the terminal
READ_CHARACTERS_A_SECOND = 15
SHORTEST_TOAST_SECONDS = 2.0  # a few quick key presses must not cover the pane with their toasts
LONGEST_TOAST_SECONDS = 15.0
EXIT_CONFIGURATION = 2


class QuintetApp(App[int]):
    """The terminal front end.

    Args:
        task: starts a run at once.
        output_dir: where the files go; None gives every run a folder of its own.
        agents: who takes part in the first run; None means everybody.
        overrides: settings of the command line by their dotted names; `ui.*` are used for the first paint already.
        load_settings: returns the checked settings; called in a thread after the first paint. None asks all sources.
        clock: time for countdowns.
        connect: False shows events that somebody feeds to `receive`, without an engine: a replay.

    Attributes:
        last_words: lines to print after the screen was given back.
    """

    TITLE = "Quintet"
    CSS_PATH = Path(__file__).with_name("app.tcss")  # absolute: a subclass may be anywhere
    ENABLE_COMMAND_PALETTE = False  # our own action opens it, so that its key can be changed like any other
    COMMANDS: ClassVar[set[Any]] = {ActionProvider}  # Any: Textual's type of a provider source is not exported
    BINDINGS: ClassVar[list[BindingType]] = list(make_bindings("always", [row for row in ACTIONS if row.id == "quit"]))

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
        self._reception: Reception | None = None  # comes with the panes, after the first paint
        self._life = EngineLife(load_settings, emit=self.receive, clock=self.clock)
        self._connect = connect
        self._waiting_task = task
        self._owner: Worker[None] | None = None
        self._pulling: Timer | None = None
        self._problem = ""  # why there is no engine
        self.last_words: tuple[str, ...] = ()
        self._output_dir = output_dir
        self._agents = tuple(agents) if agents else None
        self._workflow = str(self._overrides.get("team.workflow", SAMPLE_WORKFLOW))
        self._set_first_look()

    # Start.

    def get_default_screen(self) -> MainScreen:
        return self.main

    def on_mount(self) -> None:
        self._pulling = self.set_interval(PULL_SECONDS, self._pull)
        if self._connect and not self.is_headless:
            watch_signals(self._signalled)

    @on(MainScreen.Painted)
    def _first_frame_stands(self) -> None:
        self._owner = self._complete()

    @work(group="engine", exit_on_error=False)
    async def _complete(self) -> None:
        """Bring up, after the first paint, what it did not wait for: the panes, and then the engine behind them."""
        try:
            cards, self._reception = await asyncio.to_thread(self._make_reception)
            await self.main.show_team(cards)
            if self._connect:
                await self._life.live(
                    self._overrides, on_settings=self._apply_settings, on_engine=self._engine_is_there
                )
        except ConfigValidationError as error:
            self.last_words = tuple(many_lines(str(error)).splitlines())
            self.exit(EXIT_CONFIGURATION, return_code=EXIT_CONFIGURATION)
        except QuintetError as error:
            self._problem = str(error)
            self.say(self._problem, "error")
            self._return_waiting_task()
        except Exception as error:  # noqa: BLE001  # the outer edge: without an engine the app still says why
            self._problem = self._report_fault(error)
            self._return_waiting_task()

    def _make_reception(self) -> tuple[tuple[AgentCard, ...], Reception]:
        from core.roster import read_roster
        from tui.reception import Reception

        return read_roster(), Reception(self.main, say=self.say)

    def _engine_is_there(self) -> None:
        self._show_workflow()
        if self._workflow not in self.main.workflows:
            self.say(f"there is no workflow {self._workflow!r}; the palette has them all", "warning")
        self.wake()
        self._pull()
        self._warm_up()
        if self._waiting_task is not None:
            task, self._waiting_task = self._waiting_task, None
            self.start_run(task)

    @property
    def engine(self) -> Engine | None:
        """The engine; None while it starts, after it has ended, and when it cannot be had."""
        return self._life.engine

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
            self.wake()

    async def _apply_settings(self, settings: Settings, log_warning: str | None) -> None:
        if settings.team.prompts_dir is not None:
            from core.roster import read_roster

            await self.main.show_team(await asyncio.to_thread(read_roster, settings.team.prompts_dir))
        if settings.origin_of("ui.theme").kind != "default":
            self._use_theme(settings.ui.theme)
        if "TEXTUAL_ANIMATIONS" not in os.environ or settings.origin_of("ui.animation").kind != "default":
            self.animation_level = settings.ui.animation
        self.main.prompt.cursor_blink = settings.ui.cursor_blink
        self.main.wish_layout(settings.ui.layout)
        for pane in self.main.panes:
            pane.attempts_allowed = settings.llm.max_retries + 1
        self._workflow = settings.team.workflow
        table = key_table(settings.keys)
        self.set_keymap(table.keymap)
        self.main.show_keys(table)
        self.main.show_output_folder(shown_path(self._output_dir or settings.workspace.output_dir))
        for warning in filter(None, (*table.problems, *settings.warnings, log_warning)):
            self.say(warning, "warning")

    def _set_first_look(self) -> None:
        animation = self._overrides.get("ui.animation")
        if animation in ("full", "basic", "none"):
            self.animation_level = animation
        self._use_theme(first_theme_name(self._overrides))

    def _use_theme(self, name: str) -> None:
        """Change the colours; a theme that cannot be used is named and leaves the default one."""
        try:
            if name not in self.available_themes:
                self.register_theme(load_theme(name))
        except QuintetError as error:
            self.call_after_refresh(self.say, f"{error}; using {DEFAULT_THEME}", "warning")
            self.register_theme(load_theme(DEFAULT_THEME))
            name = DEFAULT_THEME
        self.theme = name

    # Run.

    def receive(self, event: Event) -> None:
        """Show one event; the engine's sink. Events that come while the app closes are not shown."""
        if self.is_running and self._reception is not None:
            self._reception.receive(event)
            self.wake()

    def show_status(self, status: EngineStatus) -> None:
        """Show the state of the whole."""
        if self._reception is not None:
            self._reception.expect_note(status.endpoint.note)
        self.main.show_status(status)

    def start_run(self, task: str) -> None:
        """Let the team work on `task`; a leading @agent lets that agent work alone."""
        self.main.prompt.sent.add(task)  # also the sample, and a task of the command line: Up brings it back
        agent_id, words = read_address(task, self.main.cards)
        self.main.show_task(words)
        agents, self._agents = self._agents, None
        self._run(task, words, (agent_id,) if agent_id else agents)

    @work(group="run", exclusive=False, exit_on_error=False)
    async def _run(self, typed: str, task: str, agents: tuple[str, ...] | None) -> None:
        engine = self.engine
        if engine is None:
            return
        self.wake()
        try:
            outcome = await engine.run(task, workflow=self._workflow, output_dir=self._output_dir, agents=agents)
            # One that was stopped before it began has no event of its end.
            self.main.show_outcome(outcome.status, outcome.verdict, len(outcome.files), 0.0)
        except QuintetError as error:
            self._run_refused(str(error), typed)
            self.say(str(error), "error")
        except Exception as error:  # noqa: BLE001  # the outer edge: a fault of ours ends the run, not the app
            self._run_refused(self._report_fault(error), typed)
        finally:
            self.wake()

    @on(Prompt.Sent)
    def _prompt_sent(self, message: Prompt.Sent) -> None:
        text = message.text
        if not text and not self.has_run and self._workflow == SAMPLE_WORKFLOW:
            text = SAMPLE_TASK
        if not text:
            self.say("the prompt is empty: type what the team should " + ("know" if self.has_run else "do"))
        elif not self._connect:
            self.main.prompt.give_back(text)
            self.say("this is a replay: nothing can be sent")
        elif self.engine is None:
            self._wait_with(text)
        elif self.has_run:
            self._steer(text)
        else:
            self.start_run(text)

    def _wait_with(self, text: str) -> None:
        if self._problem:
            self.main.prompt.give_back(text)
            self.say(self._problem, "error")
            return
        self._waiting_task = text
        self.say("starting: the run begins as soon as the engine is there")

    def _return_waiting_task(self) -> None:
        if self._waiting_task is not None:
            self.main.prompt.give_back(self._waiting_task)
            self._waiting_task = None

    def _steer(self, text: str) -> None:
        agent_id, words = read_address(text, self.main.cards)
        if self.engine is None or not self.engine.steer(words, agent_id):
            self.main.prompt.give_back(text)
            self.say("not sent: the run is not ready for words; try again in a moment", "warning")

    @property
    def has_run(self) -> bool:
        """Whether a run is on."""
        return self.engine is not None and self.engine.status().running

    def _pull(self) -> None:
        """Draw the engine's state; rest when nothing moves until something happens."""
        if not self.is_running:
            return
        status = self.engine.status() if self.engine is not None else None
        if status is None:
            self.main.tick()
        else:
            self.show_status(status)
        is_moving = status is not None and (
            status.running
            or status.endpoint.state == "starting"
            or any(breaker.state != "closed" for breaker in status.breakers)
        )
        if not is_moving and self._pulling is not None:
            self._pulling.pause()

    def wake(self) -> None:
        """Draw the state again twice a second, until nothing moves any more."""
        if self._pulling is not None:
            self._pulling.resume()

    # Keys that need the engine.

    def action_toggle_agent(self, number: int) -> None:
        pane = self.main.active_agent if number == 0 else None
        if 0 < number <= len(self.main.panes):
            pane = self.main.panes[number - 1]
        if pane is None or self.engine is None:
            self.say("no agent to switch: choose one with 1-5" if self.engine else self._no_engine())
            return
        is_on = self.engine.toggle(pane.card.agent_id)
        self.say(f"{pane.card.title} is {'on' if is_on else 'off'}")
        self._pull()

    def action_stop_agent(self) -> None:
        pane = self.main.active_agent
        if pane is None or self.engine is None or not self.engine.cancel_agent(pane.card.agent_id):
            self.say(f"{pane.card.title} has nothing to stop" if pane else "no agent to stop: choose one with 1-5")
            return
        self.say(f"stopped {pane.card.title}; the run goes on")

    def action_pause(self) -> None:
        if self.engine is None or not self.has_run:
            self.say("no run to pause")
        elif self.engine.status().paused:
            self.engine.resume_run()
            self.say("the run goes on")
        elif self.engine.pause():
            self.say("paused: answers that stream now go on to their end, no new call starts")
        self._pull()

    def action_interrupt(self) -> None:
        selected = self.main.prompt.selected_text or self.screen.get_selected_text()
        if selected:
            self._copy(selected, "selection.txt")
        elif not self._stop_run():
            keys = " or ".join(key_label(key) for key in self.main.table.find("quit").all_keys)
            self.say(f"nothing runs; to leave press {keys}")

    @on(MainScreen.StopWished)
    def _stop_wished(self) -> None:
        self._stop_run()

    def _stop_run(self) -> bool:
        if self._waiting_task is not None:
            self._return_waiting_task()
            self.say("the run was not started; the task is back in the prompt")
            return True
        if self.engine is None or not self.engine.cancel_run():
            return False
        self.say("stopping the run; Up brings the task back for editing")
        return True

    # Other keys.

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.main.table))

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(id="--command-palette"))

    def action_next_theme(self) -> None:
        names = shipped_theme_names()
        place = names.index(self.theme) if self.theme in names else -1
        self._use_theme(names[(place + 1) % len(names)])
        self.say(f"theme: {self.theme}")

    def action_next_workflow(self) -> None:
        ids = tuple(self.engine.workflows()) if self.engine is not None else ()
        if not ids:
            self.say(self._no_engine())
            return
        place = ids.index(self._workflow) if self._workflow in ids else -1
        self._choose_workflow(ids[(place + 1) % len(ids)])

    @on(MainScreen.WorkflowChosen)
    def _workflow_chosen(self, message: MainScreen.WorkflowChosen) -> None:
        self._choose_workflow(message.workflow)

    def _choose_workflow(self, workflow: str) -> None:
        if self.has_run:
            self.say("a run is on: choose the workflow of the next one when it has ended")
            return
        self._workflow = workflow
        self._show_workflow()
        self.say(f"workflow of the next run: {self.main.workflows.get(workflow, workflow)}")

    def _show_workflow(self) -> None:
        if self.engine is not None:
            self.main.show_workflow(self._workflow, self.engine.workflows())

    async def action_copy_message(self) -> None:
        pane = self.main.active_agent
        text = (pane.view.answer_source or pane.view.source) if pane else ""
        if pane is None or not text.strip():
            self.say("nothing to copy here: choose an agent that has answered")
            return
        self._copy(text, f"{_file_stem(pane.card.agent_id)}.md")

    async def action_copy_code(self) -> None:
        pane = self.main.active_agent
        blocks = pane.view.code_blocks if pane else []
        if pane is None or not blocks:
            self.say("no code block in this answer; Copy takes the whole message")
            return
        self._copy(blocks[-1], f"{_file_stem(pane.card.agent_id)}-code.txt")

    @work(group="copy")
    async def _copy(self, text: str, name: str) -> None:
        try:
            file = await asyncio.to_thread(write_copy, text, name)
        except OSError as error:
            where = f"the file was not written: {error.strerror}"
        else:
            where = f"also in {file}"
        sequence = osc52(text, in_tmux="TMUX" in os.environ)
        about = size(len(text.encode()))
        if sequence is None or self._driver is None:
            self.say(f"too long for the terminal's clipboard ({about}) - {where}", "warning")
            return
        self._driver.write(sequence)
        self.say(f"sent to terminal ({about}) - {where}")

    def say(self, message: str, severity: Severity = "information") -> None:
        """Show a toast for as long as it takes to read; its text is never read as markup."""
        text = many_lines(message, 600)
        seconds = min(max(len(text) / READ_CHARACTERS_A_SECOND, SHORTEST_TOAST_SECONDS), LONGEST_TOAST_SECONDS)
        self.notify(text, severity=severity, timeout=seconds, markup=False)

    def _run_refused(self, words: str, typed: str) -> None:
        """Leave the reason in the pane, where it stays, and the task in the prompt for another try."""
        if self.main.active_agent is not None:
            self.main.active_agent.note(words, "error")
        self.main.prompt.give_back(typed)

    def _report_fault(self, error: Exception) -> str:
        """Log a fault of our own with its traceback, show it, and return the words for it."""
        from loguru import logger

        logger.opt(exception=error).error("the front end met a fault")
        words = f"internal fault {type(error).__name__}: {one_line(str(error))} - the log has the details"
        self.say(words, "error")
        return words

    def _no_engine(self) -> str:
        return self._problem or "the engine is still starting; try again in a moment"

    # End.

    async def action_quit(self) -> None:
        await self._leave(0)

    async def _leave(self, code: int) -> None:
        await self._close_engine()
        self.exit(code, return_code=code)

    async def _close_engine(self) -> None:
        """End the run and wait for the engine, but not for ever."""
        ended = await self._life.close(GOODBYE_SECONDS)
        if not ended and self._owner is not None:
            self._owner.cancel()

    async def on_unmount(self) -> None:
        await self._close_engine()

    def _signalled(self, code: int) -> None:
        self.run_worker(self._leave(code), group="leave", exit_on_error=False)

    def run(self, **options: Any) -> int:  # Any: the options of App.run, passed on as they are
        """Run until the user leaves and return the exit code; what to say afterwards is in `last_words`."""
        code = super().run(**options)
        return code if code is not None else self.return_code or 0


def _file_stem(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", one_line(name, 40).lower()) or "agent"
