"""What the user asks of the team: a run, words for it, an agent less, a wait ended, another workflow."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from core.errors import QuintetError
from tui.control.addressing import read_address
from tui.widgets.welcome import SAMPLE_TASK, SAMPLE_WORKFLOW
from tui.words.numbers import counted

if TYPE_CHECKING:
    from core.engine import Engine
    from tui.screens.main import MainScreen

Severity = Literal["information", "warning", "error"]


class Front(Protocol):
    """The app, as far as the controller needs it."""

    main: MainScreen

    @property
    def engine(self) -> Engine | None:
        """The engine; None while there is none."""

    def say(self, message: str, severity: Severity = "information") -> None:
        """Show a toast."""

    def wake(self) -> None:
        """Draw the engine's state until nothing moves any more."""

    def begin(self, run: Coroutine[None, None, None]) -> None:
        """Let a run go on beside everything else."""

    def report_fault(self, error: Exception) -> str:
        """Show a fault of our own, and return the words for it."""


class RunController:
    """Hands the user's wishes to the engine, and says what came of each.

    Attributes:
        output_dir: where the files go; None gives every run a folder of its own.
        workflow: what the next run follows.
        problem: why there is no engine, if that is so for good.
    """

    def __init__(
        self,
        front: Front,
        *,
        task: str | None,
        output_dir: Path | None,
        agents: tuple[str, ...] | None,
        workflow: str,
        problem: str = "",
    ) -> None:
        self._front = front
        self._waiting_task = task
        self._agents = agents
        self.output_dir = output_dir
        self.workflow = workflow
        self.problem = problem

    # The engine comes, or will not.

    def open(self) -> None:
        """Begin to work: the engine is there."""
        main = self._front.main
        self._show_workflow()
        if self.workflow not in main.workflows:
            self._front.say(f"there is no workflow {self.workflow!r}; the palette has them all", "warning")

    def start_waiting_task(self) -> None:
        """Start the run that was asked for before the engine was there."""
        if self._waiting_task is not None:
            task, self._waiting_task = self._waiting_task, None
            self.start_run(task)

    def refuse(self, problem: str) -> None:
        """Give the task back: there will be no engine."""
        self.problem = problem
        self._front.main.show_problem(problem)
        self._return_waiting_task()

    # Runs.

    @property
    def has_run(self) -> bool:
        """Whether a run is on."""
        engine = self._front.engine
        return engine is not None and engine.status().running

    def send(self, text: str) -> None:
        """Start a run on `text`, or steer the one that is on; without text, start the sample."""
        front = self._front
        if not text and not self.has_run and self.workflow == SAMPLE_WORKFLOW:
            text = SAMPLE_TASK
        if not text:
            front.say("the prompt is empty: type what the team should " + ("know" if self.has_run else "do"))
        elif front.engine is None:
            self._wait_with(text)
        elif self.has_run:
            self._steer(front.engine, text)
        else:
            self.start_run(text)

    def start_run(self, task: str) -> None:
        """Let the team work on `task`; a leading @agent lets that agent work alone."""
        main = self._front.main
        main.prompt.sent.add(task)  # also the sample, and a task of the command line: Up brings it back
        agent_id, words = read_address(task, main.cards)
        main.show_task(words)
        agents, self._agents = self._agents, None
        self._front.begin(self._run(task, words, (agent_id,) if agent_id else agents))

    def stop_run(self) -> bool:
        """Stop the run that is on, or take back the one that waits for the engine; False if there is neither."""
        front = self._front
        if self._waiting_task is not None:
            self._return_waiting_task()
            front.say("the run was not started; the task is back in the prompt")
            return True
        if front.engine is None or not front.engine.cancel_run():
            return False
        front.say("stopping the run; Up brings the task back for editing")
        return True

    def pause(self) -> None:
        """Hold the run, or let a held one go on."""
        engine, say = self._front.engine, self._front.say
        if engine is None or not self.has_run:
            say("no run to pause")
        elif engine.status().paused:
            engine.resume_run()
            say("the run goes on")
        elif engine.pause():
            say("paused: answers that stream now go on to their end, no new call starts")

    async def _run(self, typed: str, task: str, agents: tuple[str, ...] | None) -> None:
        front = self._front
        if front.engine is None:
            return
        front.wake()
        try:
            outcome = await front.engine.run(task, workflow=self.workflow, output_dir=self.output_dir, agents=agents)
            # One that was stopped before it began has no event of its end.
            front.main.show_outcome(outcome.status, outcome.verdict, len(outcome.files), 0.0)
        except QuintetError as error:
            self._run_refused(str(error), typed)
            front.say(str(error), "error")
        except Exception as error:  # noqa: BLE001  # the outer edge: a fault of ours ends the run, not the app
            self._run_refused(front.report_fault(error), typed)
        finally:
            if front.main.is_running:
                self._show_workflow()
            front.wake()

    def _run_refused(self, words: str, typed: str) -> None:
        """Leave the reason in the pane, where it stays, and the task in the prompt for another try."""
        main = self._front.main
        if main.active_agent is not None:
            main.active_agent.note(words, "error")
        main.prompt.give_back(typed)

    def _wait_with(self, text: str) -> None:
        if self.problem:
            self._front.main.prompt.give_back(text)
            self._front.say(self.problem, "error")
            return
        self._waiting_task = text
        self._front.say("starting: the run begins as soon as the engine is there")

    def _return_waiting_task(self) -> None:
        if self._waiting_task is not None:
            self._front.main.prompt.give_back(self._waiting_task)
            self._waiting_task = None

    def _steer(self, engine: Engine, text: str) -> None:
        agent_id, words = read_address(text, self._front.main.cards)
        if not engine.steer(words, agent_id):
            self._front.main.prompt.give_back(text)
            self._front.say("not sent: the run is not ready for words; try again in a moment", "warning")

    # Agents.

    def toggle_agent(self, number: int) -> None:
        """Take an agent off the team or back on; 0 is the active one."""
        front = self._front
        pane = front.main.active_agent if number == 0 else None
        if 0 < number <= len(front.main.panes):
            pane = front.main.panes[number - 1]
        if pane is None or front.engine is None:
            front.say("no agent to switch: choose one with 1-5" if front.engine else self._no_engine())
            return
        is_on = front.engine.toggle(pane.card.agent_id)
        front.say(f"{pane.card.title} is {'on' if is_on else 'off'}")

    def stop_agent(self) -> None:
        """Stop what the active agent does."""
        pane, engine = self._front.main.active_agent, self._front.engine
        if pane is None or engine is None or not engine.cancel_agent(pane.card.agent_id):
            missing = f"{pane.card.title} has nothing to stop" if pane else "no agent to stop: choose one with 1-5"
            self._front.say(missing)
            return
        self._front.say(f"stopped {pane.card.title}; the run goes on")

    def retry_now(self) -> None:
        """End the wait of the active agent, or all waits if it has none."""
        engine, main, say = self._front.engine, self._front.main, self._front.say
        if engine is None:
            say(self._no_engine())
            return
        pane = main.active_agent
        if pane is not None and not pane.status.has_wait_to_end:
            pane = None  # the active agent works: the user means those that do not
        ended = engine.retry_now(pane.card.agent_id if pane is not None else None)
        if ended:
            say(f"{counted(ended, 'wait')} ended" + (f": {pane.card.title} tries now" if pane is not None else ""))
        elif main.has_wait_to_end:
            say("this wait ends only by itself")
        else:
            is_queued = any(pane.status.state == "queued" for pane in main.panes)
            say("those in the queue have their turn when a call before them ends" if is_queued else "nobody waits")

    # Workflows.

    def next_workflow(self) -> None:
        """Let the next run follow the workflow after the chosen one."""
        engine = self._front.engine
        ids = tuple(engine.workflows()) if engine is not None else ()
        if not ids:
            self._front.say(self._no_engine())
            return
        place = ids.index(self.workflow) if self.workflow in ids else -1
        self.choose_workflow(ids[(place + 1) % len(ids)])

    def choose_workflow(self, workflow: str) -> None:
        """Let the next run follow that workflow."""
        self.workflow = workflow
        if not self.has_run:  # else the header names that of the run that is on, until it has ended
            self._show_workflow()
        self._front.say(f"workflow of the next run: {self._front.main.workflows.get(workflow, workflow)}")

    def _show_workflow(self) -> None:
        engine = self._front.engine
        if engine is not None:
            self._front.main.show_workflow(self.workflow, engine.workflows())

    def _no_engine(self) -> str:
        return self.problem or "the engine is still starting; try again in a moment"
