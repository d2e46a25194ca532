"""What every front end calls: run, steer, pause, cancel, toggle, status."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, NoReturn, Self, get_args

from platformdirs import user_cache_path, user_log_path

from core.agents import Agent, CallScope, Sampling, Team
from core.arguments import checked_name, checked_path, checked_text
from core.clock import Clock, SystemClock
from core.errors import UsageError
from core.events import BreakerChanged, Event, EventSink, SteeringReceived
from core.llm.call.cache import ResponseCache
from core.llm.call.caller import Caller
from core.llm.http.pool import ClientPool
from core.llm.servers.resolver import EndpointSource
from core.prompts import AgentPrompt, load_agents, load_common, render
from core.settings import Settings
from core.spending.budget import WhenReached
from core.state.scoreboard import Scoreboard
from core.state.status import AgentStatus, EngineStatus, LatencyStatus
from core.telemetry.alerts.board import AlertStamp
from core.telemetry.alerts.watch import AlertWatch
from core.telemetry.export.exporters import Exporters
from core.telemetry.logs import current_correlation_id, listening_for_faults, log
from core.telemetry.logs.writing import log_event
from core.telemetry.metrics import record_for_engine
from core.telemetry.metrics.api import EngineMetrics
from core.telemetry.metrics.registry import MetricsSnapshot
from core.text.sanitize import strip_controls
from core.workflow.definition import WorkflowSpec, load_workflows
from core.workflow.layouts.table import load_layouts
from core.workflow.lifecycle import RunLifecycle
from core.workflow.outcome import RunOutcome
from core.workflow.run import Run, RunDeps, RunRequest, SteeringNote

TASK_MAX_BYTES = 256 * 1024
CACHE_FILE = "answers.sqlite"
SAY_THE_TASK = "say what the team shall build"
USE_ASYNC_WITH = "use it as `async with Engine(settings, emit=...) as engine:`"
MAKE_ANOTHER = "make another one: an engine is opened once"


@dataclass(slots=True)
class _CurrentRun:
    """The run that is on; `stopped` marks a cancel of the user's, as opposed to one of the caller's task."""

    lifecycle: RunLifecycle
    task: asyncio.Task[RunOutcome]
    stopped: bool = False


class Engine:
    """Owns everything of a team at work; use it as an async context manager.

    Args:
        settings: the checked configuration.
        emit: receives every event on the event loop's thread; must return at once.
        clock: time, passed in so that tests wait for nothing.
        rng: randomness of waits and names.
        sessions_folder: where runs keep their checkpoints and texts; None means the user's data folder.
        when_budget_is_reached: ask holds the run until `resume_run`, which raises the limit by its amount; fail ends it;
            go_on raises the limit at once.

    Raises:
        PromptError: a prompt or workflow file cannot be used.
        UsageError: an argument is not what it has to be, or the settings name an agent or an alert that does not exist.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        emit: EventSink,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        sessions_folder: Path | str | None = None,
        when_budget_is_reached: WhenReached = "ask",
    ) -> None:
        _check_engine_arguments(settings, emit)
        checked_name("when_budget_is_reached", when_budget_is_reached, get_args(WhenReached), list_as="it is one of")
        clock = clock or SystemClock()
        rng = rng or random.Random()  # noqa: S311 - jitter and names, not cryptography
        self._emit = emit
        self._metrics = EngineMetrics(enabled=settings.telemetry.enable_metrics, clock=clock)
        self._pool = ClientPool(max_age_seconds=settings.llm.pool_max_age, clock=clock, recorder=self._metrics)
        self._cache = (
            ResponseCache(user_cache_path("quintet", appauthor=False) / "answers" / CACHE_FILE, clock)
            if settings.llm.cache
            else None
        )
        self._caller = Caller(
            settings=settings,
            pool=self._pool,
            emit=self._publish,
            clock=clock,
            random=rng,
            cache=self._cache,
        )
        prompts_dir = settings.team.prompts_dir
        prompts = load_agents(prompts_dir)
        self._workflows = load_workflows(prompts, prompts_dir)
        load_layouts()  # here, with the other data files: a run reads none
        agents = Team()
        self._deps = RunDeps(
            settings=settings,
            agents=agents,
            common=load_common(prompts_dir),
            source=EndpointSource(
                settings, pool=self._pool, clock=clock, log_folder=user_log_path("quintet", appauthor=False)
            ),
            emit=self._publish,
            clock=clock,
            rng=rng,
            ledger=self._caller.ledger,
            when_budget_is_reached=when_budget_is_reached,
            sessions_folder=None if sessions_folder is None else checked_path("sessions_folder", sessions_folder),
        )
        agents.update((agent_id, self._make_agent(prompt)) for agent_id, prompt in prompts.items())
        for agent_id in settings.team.off:
            self._agent(agent_id).enabled = False
        self._scoreboard = Scoreboard(list(agents))
        self._alerts = AlertWatch(
            settings.alerts,
            clock=clock,
            publish=self._publish,
            stamp=self._alert_stamp,
            is_local=lambda: self._deps.source.status().kind != "remote",
            recorder=self._metrics.current,
        )
        self._exporters = Exporters(settings, recorder=self._metrics.current, clock=clock)
        self._state: Literal["new", "open", "closed"] = "new"
        self._current: _CurrentRun | None = None
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise UsageError(
                f"this engine is {'open already' if self._state == 'open' else 'closed'}", hint=MAKE_ANOTHER
            )
        self._state = "open"
        try:
            with record_for_engine(self._metrics):
                await self._open()
        except BaseException:
            self._state = "closed"
            await self._exit.aclose()
            raise
        return self

    async def _open(self) -> None:
        self._exit.push_async_callback(self._exporters.stop)
        await self._exporters.start()
        self._exit.enter_context(listening_for_faults(self._exporters.report))
        if self._cache is not None:
            self._exit.push_async_callback(self._cache.close)
        await self._exit.enter_async_context(self._pool)
        self._exit.push_async_callback(self._deps.source.close)
        self._exit.push_async_callback(self._caller.close)
        self._exit.push_async_callback(self._end_run)
        await self._exit.enter_async_context(self._alerts)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with record_for_engine(self._metrics):
                await self._exit.aclose()
        finally:
            self._state = "closed"

    def __enter__(self) -> NoReturn:
        raise UsageError("an Engine cannot be opened by `with`", hint=USE_ASYNC_WITH)

    def __exit__(self, *_: object) -> None:
        """Exist, so that `with` gets as far as saying what to write instead."""

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Let the engine's numbers grow by what a block records.

        Raises:
            UsageError: the engine is not open.
        """
        if self._state == "new":
            raise UsageError(
                "the engine is not open", hint="use it as `async with Engine(settings, emit=...) as engine:`"
            )
        if self._state == "closed":
            raise UsageError("the engine is closed", hint=MAKE_ANOTHER)
        with record_for_engine(self._metrics):
            yield

    @property
    def settings(self) -> Settings:
        """The checked configuration."""
        return self._deps.settings

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The team by id, in its order; UsageError for an id that is not there."""
        return self._deps.agents

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the exporters in the settings could not be started, one sentence each."""
        return self._exporters.warnings

    async def run(
        self,
        task: str,
        *,
        workflow: str | None = None,
        output_dir: Path | str | None = None,
        agents: Sequence[str] | None = None,
    ) -> RunOutcome:
        """Let the team work through one task and return how it ended.

        Args:
            task: what the user wants, at most 256 KiB of text.
            workflow: id of a workflow; None takes the setting.
            output_dir: where the files go; None makes a folder of its own for this run.
            agents: the agents that take part in this run if they are on; None means all.

        Raises:
            UsageError: the task is no text, empty or too long, a name is unknown, a run is on already, or the engine is
                not open.
            WorkspaceError: a folder cannot be used.
            ModelUnavailableError: there is no model to talk to.
        """
        with self._at_work():
            return await self._run(
                self._clean_task(task),
                self._workflow(workflow),
                None if output_dir is None else checked_path("output_dir", output_dir),
                agents,
            )

    async def _run(
        self, words: str, spec: WorkflowSpec, output_dir: Path | None, agents: Sequence[str] | None
    ) -> RunOutcome:
        if self._current is not None:
            raise UsageError("a run is on already", hint="stop it first, or send it words")
        if isinstance(agents, str):
            raise UsageError(f"agents is the text {agents!r}", hint=f"give a list: agents=[{agents!r}]")
        for agent_id in agents or ():
            self._agent(agent_id)
        team = frozenset(spec.agents() if agents is None else agents)
        if not any(self.agents[agent_id].enabled for agent_id in team.intersection(spec.agents())):
            raise UsageError(f"nobody of workflow {spec.id} is on", hint="switch at least one of its agents on")
        lifecycle = RunLifecycle(RunRequest(words, spec, team, output_dir), self._deps)
        current = self._current = _CurrentRun(lifecycle, asyncio.create_task(lifecycle.run_to_outcome(), name="run"))
        try:
            return await current.task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not current.stopped or (caller is not None and caller.cancelling()):
                raise
            return lifecycle.stopped()
        finally:
            self._current = None

    def cancel_run(self) -> bool:
        """End the run that is on; False when there is none. The run's outcome says stopped."""
        if self._current is None or self._current.task.done():
            return False
        self._current.stopped = True
        self._current.task.cancel()
        return True

    def cancel_call(self, call_id: str) -> bool:
        """End one call, by the id its events carry; its step goes on without the answer. False when it is over."""
        return self._caller.cancel(call_id)

    def retry_now(self, agent_id: str | None = None) -> int:
        """End what the calls of one agent, or all calls, wait for before they send again, and return how many waited.

        That is a back-off, an open breaker, a pause the server asked for, or a rate of our own; not the turn in a line.
        """
        if agent_id is not None:
            self._agent(agent_id)
        return self._caller.wake(agent_id)

    def cancel_agent(self, agent_id: str) -> bool:
        """Stop what an agent does now; the run goes on without its result. False when it was idle."""
        self._agent(agent_id)
        run = self._current_run()
        working = set(run.working.get(agent_id, ())) if run is not None else set()
        for step_task in working:
            step_task.cancel()
        return bool(working)

    def toggle(self, agent_id: str, enabled: bool | None = None) -> bool:
        """Switch an agent on or off and return its new state; off ends what it does now, on counts from the next step."""
        agent = self._agent(agent_id)
        agent.enabled = (not agent.enabled) if enabled is None else enabled
        if not agent.enabled:
            self.cancel_agent(agent_id)
        return agent.enabled

    def steer(self, text: str, agent_id: str | None = None) -> bool:
        """Give words of the user to one agent or to all, from their next prompt on; False when no run is on."""
        if agent_id is not None:
            self._agent(agent_id)
        words = strip_controls(
            checked_text("the text", text, hint="say something to the team", may_be_empty=True)
        ).strip()
        run = self._current_run()
        if run is None or not words:
            return False
        run.steering.append(SteeringNote(words, agent_id))
        self._publish(
            SteeringReceived(
                **run.stamp(),
                agent_id=agent_id or "",
                text=words,
            )
        )
        return True

    def pause(self) -> bool:
        """Hold the run before its next call; answers that stream now go on to their end."""
        run = self._current_run()
        if run is None:
            return False
        run.budget_gate.hold()
        return True

    def resume_run(self) -> bool:
        """Let a held run go on; a budget that was reached is raised by its amount."""
        run = self._current_run()
        if run is None:
            return False
        run.budget_gate.go_on()
        return True

    def workflows(self) -> dict[str, str]:
        """Return the workflows that can be run, as id -> title."""
        return {spec.id: spec.title for spec in self._workflows.values()}

    async def warm_up(self) -> None:
        """Make the first call ready: asks a local server what it serves, or starts the embedded model if it will be needed.

        Raises:
            ModelUnavailableError: the embedded model cannot be served.
        """
        with self._at_work():
            await self._deps.source.resolve()

    def metrics(self) -> MetricsSnapshot:
        """Return what this engine alone has recorded, in the form of `get_metrics`, which is of the whole process."""
        return self._metrics.snapshot()

    def status(self) -> EngineStatus:
        """Return the state of the whole; cheap enough to be asked twice a second."""
        now = self._deps.clock.monotonic()
        run = self._current_run()
        board, ledger, numbers = self._scoreboard, self._caller.ledger, self._metrics.current()
        agents = board.agents({agent.id: agent.enabled for agent in self.agents.values()}, now)
        started_at = board.run_started_at
        ended_at = board.run_ended_at if board.run_ended_at is not None else now
        return EngineStatus(
            endpoint=self._deps.source.status(),
            agents=tuple(replace(agent, cost=ledger.agent(agent.agent_id).cost) for agent in agents),
            breakers=self._caller.breakers(),
            pool=self._caller.pool_status(),
            latency=LatencyStatus(*map(_seconds, numbers.quantiles("llm.request", (0.5, 0.95, 0.99), outcome="ok"))),
            requests=round(numbers.total("llm.requests")),
            errors=round(numbers.total("llm.requests", outcome="error")),
            failed_attempts=round(numbers.total("llm.errors")),
            retries=round(numbers.total("llm.retries")),
            input_tokens=sum(agent.input_tokens for agent in agents),
            output_tokens=sum(agent.output_tokens for agent in agents),
            tokens_per_second=sum(agent.tokens_per_second for agent in agents if agent.state == "streaming"),
            files_written=board.files_written,
            files_rejected=board.files_rejected,
            suite=board.suite,
            running=self._current is not None,
            paused=run is not None and run.budget_gate.is_held,
            run_seconds=ended_at - started_at if started_at is not None else 0.0,
            workflow=board.workflow,
            round=board.round,
            output_dir=board.output_dir,
            alerts=self._alerts.active(),
            run_cost=ledger.run.cost,
            session_cost=ledger.session.cost,
        )

    def agent_status(self, agent_id: str) -> AgentStatus:
        """Return the state of one agent; cheap enough to be asked after each of its events but those of tokens."""
        agent = self.agents.get(agent_id)
        status = self._scoreboard.agent(agent_id, agent is None or agent.enabled, self._deps.clock.monotonic())
        return replace(status, cost=self._caller.ledger.agent(agent_id).cost)

    async def _end_run(self) -> None:
        """Cancel the run that is on and wait for its end: calls are closed before the pool and the model are."""
        if self._current is not None:
            self._current.task.cancel()
            await asyncio.wait([self._current.task])

    def _publish(self, event: Event) -> None:
        self._scoreboard.follow(event)
        log_event(event)
        if self._exporters.takes_events:
            self._exporters.receive(event)
        if self._current is not None:
            self._current.lifecycle.record(event)
        try:
            self._emit(event)
        except Exception as error:  # noqa: BLE001 - a front end's fault must not end the run
            log("ERROR", "the front end failed on an event", exception=error)
        if isinstance(event, BreakerChanged):
            self._alerts.breaker_changed(event)

    def _alert_stamp(self) -> AlertStamp:
        run = self._current_run()
        at = self._deps.clock.monotonic()
        if run is None:
            return AlertStamp(run_id="", correlation_id="", at=at)
        return AlertStamp(run_id=run.run_id, correlation_id=run.correlation_id, at=at)

    def _make_agent(self, prompt: AgentPrompt) -> Agent:
        deps, llm = self._deps, self.settings.llm
        return Agent(
            prompt,
            caller=self._caller,
            find_route=deps.source.route,
            find_again=deps.source.resolve,
            at_work=self._at_work,
            new_scope=self._new_scope,
            continue_with=render(deps.common.continuation, {}, "continuation"),
            defaults=Sampling(temperature=llm.temperature, max_tokens=llm.max_tokens),
        )

    def _new_scope(self) -> CallScope:
        """Return a scope for a call outside a run."""
        return CallScope("", current_correlation_id() or f"{self._deps.rng.getrandbits(64):016x}", "call")

    def _current_run(self) -> Run | None:
        return self._current.lifecycle.run if self._current is not None else None

    def _agent(self, agent_id: str) -> Agent:
        return self.agents[agent_id]

    def _workflow(self, workflow: str | None) -> WorkflowSpec:
        given = self.settings.team.workflow if workflow is None else workflow
        return self._workflows[checked_name("workflow", given, self._workflows, list_as="known workflows")]

    @staticmethod
    def _clean_task(task: str) -> str:
        checked_text("the task", task, hint=SAY_THE_TASK)
        words = strip_controls(task).strip()
        if not words:
            raise UsageError("the task is empty", hint=SAY_THE_TASK)
        if len(words.encode()) > TASK_MAX_BYTES:
            raise UsageError(
                f"the task has {len(words.encode()) // 1024} KiB, more than {TASK_MAX_BYTES // 1024}",
                hint="shorten it, or put long material into files and name them",
            )
        return words


def _check_engine_arguments(settings: object, emit: object) -> None:
    if not isinstance(settings, Settings):
        raise UsageError(f"an Engine takes settings, not {settings!r:.80}", hint="give it what load_config() returns")
    if not callable(emit) or any(map(inspect.iscoroutinefunction, (emit, type(emit).__call__))):
        raise UsageError(f"emit is {emit!r:.80}", hint="give a function of one event that is not async, such as print")


def _seconds(milliseconds: float | None) -> float | None:
    return milliseconds / 1000 if milliseconds is not None else None
