"""One run from the user's words to its outcome: prepared, announced, executed, judged, finished."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.agents import Agent
from core.clock import Clock
from core.errors import QuintetError, WorkspaceError
from core.events import BudgetReached, Event, EventSink, RunFinished, RunStarted, Warned
from core.llm.endpoint import Endpoint
from core.llm.servers.resolver import EndpointSource
from core.llm.window.trim import without_middle
from core.prompts import CommonPrompts
from core.sessions.folder import Session
from core.sessions.journal import Journal
from core.settings import Settings
from core.spending.budget import Budget, ReachedLimit
from core.spending.ledger import Ledger
from core.telemetry.logs import log, log_ids, set_correlation_id
from core.telemetry.metrics import increment, timing
from core.workflow.definition import WorkflowSpec
from core.workflow.layout import slug_of
from core.workflow.outcome import RunOutcome, cancelled_outcome, failed_outcome, judge_run
from core.workflow.run import Run
from core.workflow.run_budget_gate import RunBudgetGate, WhenReached, stops_while_held
from core.workflow.running import execute_run, layout_of
from core.workspace.files.folder import OutputFolder
from core.workspace.files.manifest import is_ours

TASK_SHARE = 0.25  # of the model's context; the rest is for instructions, files and the answer
TASK_CUT = "the task is longer than the model's context allows: its middle is left out of the prompts"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is asked for; `output_dir` None means a folder of its own for this run."""

    task: str
    workflow: WorkflowSpec
    team: frozenset[str]
    output_dir: Path | None


@dataclass(frozen=True, slots=True)
class RunDeps:
    """What all runs of an engine share; `sessions_folder` None means the user's."""

    settings: Settings
    agents: Mapping[str, Agent]
    common: CommonPrompts
    source: EndpointSource
    emit: EventSink
    clock: Clock
    rng: random.Random
    ledger: Ledger
    when_budget_is_reached: WhenReached
    sessions_folder: Path | None


class RunLifecycle:
    """Lives through one run; `live` once. `run` is None until the run is prepared."""

    def __init__(self, request: RunRequest, deps: RunDeps) -> None:
        self.run: Run | None = None
        self._request = request
        self._deps = deps
        self._journal: Journal | None = None

    async def live(self) -> RunOutcome:
        """Return how the run ended; whatever happens after its start, RunFinished tells it.

        Raises:
            WorkspaceError: a folder cannot be used.
            ModelUnavailableError: there is no model to talk to.
        """
        endpoint = (await self._deps.source.route())[0]
        run = self.run = await self._prepare(endpoint)

        def warn(message: str, hint: str) -> None:
            run.emit(Warned(**run.stamp(), message=message, hint=hint))

        with log_ids(workflow_id=run.workflow.id):
            async with Journal(run.session.journal_path, on_trouble=warn) as self._journal:
                return await self._live(run, endpoint)

    def record(self, event: Event) -> None:
        """Keep an event of this run in its journal; returns at once."""
        if self._journal is not None and self.run is not None and event.run_id == self.run.run_id:
            self._journal.feed(event)

    def cancelled(self) -> RunOutcome:
        """Return the outcome of a run that the user ends now."""
        return cancelled_outcome(self.run, self._request.output_dir)

    async def _live(self, run: Run, endpoint: Endpoint) -> RunOutcome:
        started_at = run.clock.monotonic()
        self._announce(run, endpoint)
        outcome: RunOutcome | None = None
        task_timeout = self._deps.settings.team.task_timeout
        deadline = asyncio.timeout(task_timeout)
        try:
            async with deadline:
                run.budget_gate.on_held = stops_while_held(deadline)
                try:
                    outcome = judge_run(run, await execute_run(run))
                finally:
                    run.budget_gate.on_held = None
        except QuintetError as error:
            outcome = failed_outcome(run, str(error))
        except Exception as error:  # noqa: BLE001 - the one outer edge: a fault of our own ends the run, not the app
            # A TimeoutError alone would prove nothing: the system has one of its own, for files on a network.
            if isinstance(error, TimeoutError) and deadline.expired():
                limit = f"{task_timeout:g} s (TASK_TIMEOUT)"
                outcome = failed_outcome(run, f"the run did not end within {limit}")
            else:
                log("ERROR", "the run failed on a fault of our own", exception=error, workflow_id=run.workflow.id)
                outcome = failed_outcome(run, f"internal fault {type(error).__name__}: the log has the details")
        finally:
            outcome = self.cancelled() if outcome is None else outcome
            self._finish(run, outcome, run.clock.monotonic() - started_at)
        return outcome

    async def _prepare(self, endpoint: Endpoint) -> Run:
        request, deps = self._request, self._deps
        settings = deps.settings
        run_id = f"{deps.clock.now():%Y%m%d-%H%M%S}-{deps.rng.getrandbits(16):04x}"
        correlation_id = set_correlation_id(f"{deps.rng.getrandbits(64):016x}")
        source_folder = (
            await asyncio.to_thread(settings.workspace.dir.resolve) if request.workflow.source == "folder" else None
        )
        layout = await asyncio.to_thread(layout_of, request.task, source_folder)
        folder = await asyncio.to_thread(self._open_folder, run_id)
        session = Session(run_id, deps.sessions_folder)
        await asyncio.to_thread(session.prepare)
        return Run(
            run_id=run_id,
            correlation_id=correlation_id,
            task=request.task,
            task_in_prompts=_task_for(endpoint, request.task),
            workflow=request.workflow,
            agents=deps.agents,
            team=request.team,
            common=deps.common,
            folder=folder,
            session=session,
            layout=layout,
            variant="short" if endpoint.is_small else "full",
            max_rework_rounds=settings.team.max_rework_rounds,
            emit=deps.emit,
            clock=deps.clock,
            source_folder=source_folder,
            budget_gate=self._budget_gate(run_id, correlation_id),
            agent_gate=asyncio.Semaphore(settings.team.max_concurrent_agents),
        )

    def _budget_gate(self, run_id: str, correlation_id: str) -> RunBudgetGate:
        deps = self._deps

        def tell(reached: ReachedLimit) -> None:
            log("WARNING", "budget reached", run_id=run_id, what=reached.what, limit=reached.limit, used=reached.used)
            deps.emit(
                BudgetReached(
                    run_id=run_id,
                    correlation_id=correlation_id,
                    at=deps.clock.monotonic(),
                    what=reached.what,
                    limit=reached.limit,
                    used=reached.used,
                )
            )

        return RunBudgetGate(
            Budget(deps.settings.budget),
            deps.when_budget_is_reached,
            spent=lambda: deps.ledger.run,
            clock=deps.clock,
            on_reached=tell,
        )

    def _open_folder(self, run_id: str) -> OutputFolder:
        """Open the folder for this run; one that holds somebody else's files gets a folder of ours inside it."""
        request = self._request
        root = request.output_dir
        if root is None:
            name = f"{run_id[:13]}-{slug_of(request.task)}-{run_id[-4:]}"
            root = self._deps.settings.workspace.output_dir / name
        root = _expanded(root).absolute()
        if request.output_dir is not None and _is_foreign(root):
            root = root / f"quintet-{run_id}"
        folder = OutputFolder(root)
        folder.prepare()
        folder.describe(run_id=run_id, task=request.task, workflow=request.workflow.id)
        return folder

    def _announce(self, run: Run, endpoint: Endpoint) -> None:
        self._deps.ledger.begin_run(run.run_id)
        increment("workflow.runs_started", tags={"workflow": run.workflow.id})
        log("INFO", "run started", run_id=run.run_id, model=endpoint.model)
        run.emit(
            RunStarted(
                **run.stamp(),
                task=run.task,
                workflow=run.workflow.id,
                agents=tuple(agent_id for agent_id in run.workflow.agents() if run.is_on(agent_id)),
                output_dir=str(run.folder.root),
                model=endpoint.model,
            )
        )
        source = self._deps.source
        cut = "" if run.task_in_prompts == run.task else TASK_CUT
        for warning in dict.fromkeys(filter(None, (source.key_warning, source.status().note, cut))):
            run.emit(Warned(**run.stamp(), message=warning, hint=""))

    @staticmethod
    def _finish(run: Run, outcome: RunOutcome, duration_seconds: float) -> None:
        workflow, duration_ms = run.workflow.id, duration_seconds * 1000
        tags = {"workflow": workflow, "outcome": outcome.status}
        increment("workflow.runs_ended", tags=tags)
        timing("workflow.run", duration_ms, tags=tags)
        log(
            "INFO",
            "run finished",
            workflow_id=workflow,
            run_id=run.run_id,
            duration_ms=duration_ms,
            status=outcome.status,
            verdict=outcome.verdict,
        )
        run.emit(
            RunFinished(
                **run.stamp(),
                status=outcome.status,
                verdict=outcome.verdict,
                reason=outcome.reason,
                output_dir=str(outcome.output_dir),
                files=outcome.files,
                duration_seconds=duration_seconds,
            )
        )


def _task_for(endpoint: Endpoint, task: str) -> str:
    """Return as much of the task as leaves room for everything else in the model's context."""
    if endpoint.context_tokens is None:
        return task
    return without_middle(task, max_tokens=int(endpoint.context_tokens * TASK_SHARE))


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise WorkspaceError(f"there is no home folder {path.parts[0]!r}", hint="write the path out") from None


def _is_foreign(root: Path) -> bool:
    """Tell whether a folder holds somebody else's files; one that cannot be looked into is named when it is opened."""
    try:
        return root.is_dir() and not is_ours(root) and any(root.iterdir())
    except OSError:
        return False
