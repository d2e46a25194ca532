"""What the user asks of the team: a run, words for it, an agent less, a wait ended, another workflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import QuintetError
from tui.control.addressing import read_address
from tui.control.services import AppServices
from tui.screens.main import MainScreen
from tui.words.numbers import counted
from tui.words.sample import SAMPLE_TASK, SAMPLE_WORKFLOW

if TYPE_CHECKING:
    from core.engine import Engine
    from core.workflow.outcome import RunOutcome
    from tui.widgets.stream.agent_pane import AgentPane


class RunController:
    """Hands what the user asks for to the engine, and says what came of each.

    Args:
        app: what it needs of the app.
        main: where tasks, outcomes and problems are shown.
        task: starts a run as soon as there is an engine.
        agents: who takes part in that run; None means everybody.

    Attributes:
        output_dir: where the files go; None gives every run a folder of its own.
        workflow: what the next run follows.
        problem: why there is no engine, if that is so for good.
        last_outcome: how the last run ended; None before the first has, and while one is on.
        last_refusal: why the last run could not begin; "" if it could.
    """

    def __init__(
        self,
        app: AppServices,
        main: MainScreen,
        *,
        task: str | None,
        output_dir: Path | None,
        agents: tuple[str, ...] | None,
        workflow: str,
        problem: str = "",
    ) -> None:
        self._app = app
        self._main = main
        self._team = main.team
        self._prompt = main.prompt
        self._waiting_task = task
        self._agents = agents
        self.output_dir = output_dir
        self.workflow = workflow
        self.problem = problem
        self.last_outcome: RunOutcome | None = None
        self.last_refusal = ""

    # The engine comes, or will not.

    def open(self) -> None:
        """Begin to work: the engine is there."""
        self._show_workflow()
        if self.workflow not in self._main.workflows:
            self._app.say(f"there is no workflow {self.workflow!r}; the palette has them all", "warning")

    def start_waiting_task(self) -> None:
        """Start the run that was asked for before the engine was there."""
        if self._waiting_task is not None:
            task, self._waiting_task = self._waiting_task, None
            self.start_run(task)

    def refuse(self, problem: str) -> None:
        """Give the task back: there will be no engine."""
        self.problem = problem
        self._main.show_problem(problem)
        self._return_waiting_task()

    # Runs.

    @property
    def has_run(self) -> bool:
        """Whether a run is on."""
        engine = self._app.engine
        return engine is not None and engine.status().running

    def send(self, text: str) -> None:
        """Start a run on `text`, or steer the one that is on; without text, start the sample."""
        app = self._app
        if not text and not self.has_run and self.workflow == SAMPLE_WORKFLOW:
            text = SAMPLE_TASK
        if not text:
            app.say("the prompt is empty: type what the team should " + ("know" if self.has_run else "do"))
        elif app.engine is None:
            self._wait_with(text)
        elif self.has_run:
            self._steer(app.engine, text)
        else:
            self.start_run(text)

    def start_run(self, task: str) -> None:
        """Let the team work on `task`; a leading @agent lets that agent work alone."""
        self._prompt.sent.add(task)  # also the sample, and a task of the command line: Up brings it back
        agent_id, words = read_address(task, self._team.cards)
        self._main.show_task(words)
        agents, self._agents = self._agents, None
        self._app.begin(self._run(task, words, (agent_id,) if agent_id else agents))

    def stop_run(self) -> bool:
        """Stop the run that is on, or take back the one that waits for the engine; False if there is neither."""
        app = self._app
        if self._waiting_task is not None:
            self._return_waiting_task()
            app.say("the run was not started; the task is back in the prompt")
            return True
        if app.engine is None or not app.engine.cancel_run():
            return False
        app.say("stopping the run; Up brings the task back for editing")
        return True

    def pause(self) -> None:
        """Hold the run, or let a held one go on."""
        engine, say = self._app.engine, self._app.say
        if engine is None or not self.has_run:
            say("no run to pause")
        elif engine.status().paused:
            engine.resume_run()
            say("the run goes on")
        elif engine.pause():
            say("paused: answers that stream now go on to their end, no new call starts")
        self._app.status_poll.pull()

    def show_result(self) -> None:
        """Put the result of the last run away, or show it again."""
        if not self._main.result_card.toggle():
            self._app.say("no run has ended yet")

    async def _run(self, typed: str, task: str, agents: tuple[str, ...] | None) -> None:
        app = self._app
        if app.engine is None:
            return
        app.status_poll.wake()
        self.last_outcome, self.last_refusal = None, ""
        try:
            outcome = self.last_outcome = await app.engine.run(
                task, workflow=self.workflow, output_dir=self.output_dir, agents=agents
            )
            # One that was stopped before it began has no event of its end.
            self._main.show_outcome(outcome.status, outcome.verdict, len(outcome.files), 0.0)
        except QuintetError as error:
            self._run_refused(str(error), typed)
            app.say(str(error), "error")
        except Exception as error:  # noqa: BLE001  # the outer edge: a fault of ours ends the run, not the app
            self._run_refused(app.report_fault(error), typed)
        finally:
            if self._main.is_running:
                self._show_workflow()
            app.status_poll.wake()

    def _run_refused(self, words: str, typed: str) -> None:
        """Leave the reason in the pane, where it stays, and the task in the prompt for another try."""
        self.last_refusal = words
        if self._team.active_agent is not None:
            self._team.active_agent.note(words, "error")
        self._prompt.give_back(typed)

    def _wait_with(self, text: str) -> None:
        if self.problem:
            self._prompt.give_back(text)
            self._app.say(self.problem, "error")
            return
        self._waiting_task = text
        self._app.say("starting: the run begins as soon as the engine is there")

    def _return_waiting_task(self) -> None:
        if self._waiting_task is not None:
            self._prompt.give_back(self._waiting_task)
            self._waiting_task = None

    def _steer(self, engine: Engine, text: str) -> None:
        agent_id, words = read_address(text, self._team.cards)
        if not engine.steer(words, agent_id):
            self._prompt.give_back(text)
            self._app.say("not sent: the run is not ready for words; try again in a moment", "warning")

    # Agents.

    def toggle_agent(self, number: int) -> None:
        """Take an agent off the team or back on; 0 is the active one."""
        app, pane = self._app, self._pane(number)
        if pane is None or app.engine is None:
            app.say("no agent to switch: choose one with 1-5" if app.engine else self._no_engine())
            return
        is_on = app.engine.toggle(pane.card.agent_id)
        app.say(f"{pane.card.title} is {'on' if is_on else 'off'}")
        app.status_poll.pull()

    def stop_agent(self) -> None:
        """Stop what the active agent does."""
        pane, engine = self._team.active_agent, self._app.engine
        if pane is None or engine is None or not engine.cancel_agent(pane.card.agent_id):
            missing = f"{pane.card.title} has nothing to stop" if pane else "no agent to stop: choose one with 1-5"
            self._app.say(missing)
            return
        self._app.say(f"stopped {pane.card.title}; the run goes on")

    def retry_now(self) -> None:
        """End the wait of the active agent, or all waits if it has none."""
        engine, team, say = self._app.engine, self._team, self._app.say
        if engine is None:
            say(self._no_engine())
            return
        pane = team.active_agent
        if pane is not None and not pane.status.has_wait_to_end:
            pane = None  # the active agent works: the user means those that do not
        ended = engine.retry_now(pane.card.agent_id if pane is not None else None)
        if ended:
            say(f"{counted(ended, 'wait')} ended" + (f": {pane.card.title} tries now" if pane is not None else ""))
        elif team.has_wait_to_end:
            say("this wait ends only by itself")
        else:
            is_queued = any(pane.status.state == "queued" for pane in team.panes)
            say("those in the queue have their turn when a call before them ends" if is_queued else "nobody waits")
        self._app.status_poll.pull()

    def _pane(self, number: int) -> AgentPane | None:
        """Return the pane with that number, from 1; 0 is the active one."""
        if number == 0:
            return self._team.active_agent
        return self._team.panes[number - 1] if number <= len(self._team.panes) else None

    # Workflows.

    def next_workflow(self) -> None:
        """Let the next run follow the workflow after the chosen one."""
        engine = self._app.engine
        ids = tuple(engine.workflows()) if engine is not None else ()
        if not ids:
            self._app.say(self._no_engine())
            return
        place = ids.index(self.workflow) if self.workflow in ids else -1
        self.choose_workflow(ids[(place + 1) % len(ids)])

    def choose_workflow(self, workflow: str) -> None:
        """Let the next run follow that workflow."""
        self.workflow = workflow
        if not self.has_run:  # else the header names that of the run that is on, until it has ended
            self._show_workflow()
        self._app.say(f"workflow of the next run: {self._main.workflows.get(workflow, workflow)}")

    def _show_workflow(self) -> None:
        engine = self._app.engine
        if engine is not None:
            self._main.show_workflow(self.workflow, engine.workflows())

    def _no_engine(self) -> str:
        return self.problem or "the engine is still starting; try again in a moment"
