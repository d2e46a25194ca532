"""One run: its request, its dependencies, its folders and its switches; and how it is prepared."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from core.agents import Agent, CallScope
from core.clock import Clock
from core.errors import WorkspaceError
from core.events import BudgetReached, EventSink, Warned
from core.kinds import Tier
from core.llm.endpoint import Endpoint
from core.llm.servers.resolver import EndpointSource
from core.llm.window.trim import without_middle
from core.prompts import CommonPrompts
from core.sessions.folder import Session
from core.settings import Settings
from core.spending.budget import Budget, ReachedLimit, RunBudgetGate, WhenReached
from core.spending.costs import Ledger
from core.telemetry.logs import current_correlation_id, log, set_correlation_id
from core.workflow.definition import WorkflowSpec
from core.workflow.layouts.layout import Layout, layout_of
from core.workflow.layouts.names import slug_of
from core.workflow.layouts.planned import layout_of_plan
from core.workspace.answers.structured import PlannedFile
from core.workspace.files.folder import OutputFolder
from core.workspace.files.manifest import is_ours
from core.workspace.files.run_lock import OWN_PARTS, HeldError

TROUBLE_HINT = "the run goes on, but cannot be shown or resumed as a whole later; free some space and check the rights"
TASK_SHARE = 0.25  # of the model's context; the rest is for instructions, files and the answer


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


@dataclass(frozen=True, slots=True)
class SteeringNote:
    """Words of the user during the run; `agent_id` is None when they are for the whole team."""

    text: str
    agent_id: str | None


class EventStamp(TypedDict):
    """The fields all events of a run have in common; `at` is monotonic seconds."""

    run_id: str
    correlation_id: str
    at: float


@dataclass(frozen=True, slots=True)
class FolderRead:
    """What the prompts showed of the folder that a workflow works on; `left_out` has a line with the reason for each."""

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    has_changes: bool


@dataclass(slots=True)
class Run:
    """What the steps of one run work with; its progress is the graph's state, not this.

    `task_in_prompts` is the task, or what of it fits the model. `budget_gate` is passed before every call;
    `steering` grows while the run goes on. `source_folder` is the folder a workflow works on, None without one.
    `plan` is the accepted one, which `layout` follows; empty until there is one.
    `planned_names` says of paths that had to be made portable how the plan named them.
    `folder_read` is what was shown of `source_folder`, None before it was read.
    `folder_notes` is what there is to say of the output folder, which an earlier run may have used.
    """

    request: RunRequest
    deps: RunDeps
    run_id: str
    correlation_id: str
    endpoint: Endpoint
    task_in_prompts: str
    folder: OutputFolder
    session: Session
    layout: Layout
    source_folder: Path | None
    folder_notes: tuple[str, ...]
    budget_gate: RunBudgetGate
    agent_gate: asyncio.Semaphore
    has_been_answered: bool = False
    has_told_trouble: bool = False
    steering: list[SteeringNote] = field(default_factory=list)
    working: dict[str, set[asyncio.Task[object]]] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    plan: tuple[PlannedFile, ...] = ()
    planned_names: dict[str, str] = field(default_factory=dict)
    folder_read: FolderRead | None = None

    @property
    def workflow(self) -> WorkflowSpec:
        return self.request.workflow

    @property
    def tier(self) -> Tier:
        return self.endpoint.tier

    def follow_plan(self, plan: Sequence[PlannedFile]) -> None:
        """Lay the project out as planned; a run that is resumed comes to the same layout again."""
        if plan:
            self.plan = tuple(plan)
            self.layout = layout_of_plan(self.layout, self.plan)

    def stamp(self) -> EventStamp:
        """Return what every event of this run carries."""
        return EventStamp(run_id=self.run_id, correlation_id=self.correlation_id, at=self.deps.clock.monotonic())

    def tell_trouble(self, trouble: str) -> None:
        """Warn, once in a run, that its records cannot be kept; an empty text says that they can."""
        if trouble and not self.has_told_trouble:
            self.has_told_trouble = True
            log("WARNING", "the run's records are incomplete", run_id=self.run_id, reason=trouble)
            self.deps.emit(Warned(**self.stamp(), message=trouble, hint=TROUBLE_HINT))

    def scope(self, step_id: str, made: str) -> CallScope:
        """Return the scope of a call: its task is named step/what is made, such as test/verdict."""
        return CallScope(self.run_id, self.correlation_id, f"{step_id}/{made}", self.budget_gate.admit)

    def words_for(self, agent_id: str) -> str:
        """Return the user's words for this agent and for the whole team, a line each."""
        notes = [note.text for note in self.steering if note.agent_id in (None, agent_id)]
        return "\n".join(notes)

    def is_on(self, agent_id: str) -> bool:
        """Whether an agent takes part now: it is of this run's team and has not been switched off."""
        return agent_id in self.request.team and self.deps.agents[agent_id].enabled


async def prepare_run(request: RunRequest, deps: RunDeps, endpoint: Endpoint) -> Run:
    """Return a run with its folders made and its ids given.

    Raises:
        WorkspaceError: a folder cannot be used.
    """
    settings = deps.settings
    run_id = f"{deps.clock.now():%Y%m%d-%H%M%S}-{deps.rng.getrandbits(16):04x}"
    correlation_id = set_correlation_id(current_correlation_id() or f"{deps.rng.getrandbits(64):016x}")
    source_folder = (
        await asyncio.to_thread(settings.workspace.dir.resolve) if request.workflow.source == "folder" else None
    )
    layout = await asyncio.to_thread(layout_of, request.task, source_folder)
    folder, folder_notes = await asyncio.to_thread(_open_folder, request, settings, run_id)
    session = Session(run_id, deps.sessions_folder)
    await asyncio.to_thread(session.prepare)
    return Run(
        request=request,
        deps=deps,
        run_id=run_id,
        correlation_id=correlation_id,
        endpoint=endpoint,
        task_in_prompts=_task_for(endpoint, request.task),
        folder=folder,
        session=session,
        layout=layout,
        source_folder=source_folder,
        folder_notes=folder_notes,
        budget_gate=_budget_gate(deps, run_id, correlation_id),
        agent_gate=asyncio.Semaphore(settings.team.max_concurrent_agents),
    )


def _budget_gate(deps: RunDeps, run_id: str, correlation_id: str) -> RunBudgetGate:
    def report(reached: ReachedLimit) -> None:
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
        on_reached=report,
    )


def _open_folder(request: RunRequest, settings: Settings, run_id: str) -> tuple[OutputFolder, tuple[str, ...]]:
    """Open the folder for this run, and say what an earlier one left; one of the user's gets a folder of ours inside it."""
    root = request.output_dir
    if root is None:
        root = settings.workspace.output_dir / f"{run_id[:13]}-{slug_of(request.task)}-{run_id[-4:]}"
    root = _expanded(root).absolute()
    if request.output_dir is not None and _is_foreign(root):
        root = root / f"quintet-{run_id}"
    folder, notes = _folder_of_one_run(root, run_id)
    return folder, (*notes, *folder.describe(run_id=run_id, task=request.task, workflow=request.workflow.id))


def _folder_of_one_run(root: Path, run_id: str) -> tuple[OutputFolder, tuple[str, ...]]:
    """Open a folder for this run alone, and say so if it is another one because a run that goes on holds the first."""
    folder = OutputFolder(root)
    try:
        folder.prepare(for_run=True)
    except HeldError as held:
        beside = OutputFolder(root.parent / f"{root.name or 'quintet'}-{run_id}")
        beside.prepare(for_run=True)
        return beside, (f"{held.message}: {root}; the files of this run go to {beside.root}",)
    return folder, ()


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
    """Return whether a folder holds files that are not ours; one that cannot be read is reported when it is opened."""
    try:
        return root.is_dir() and not is_ours(root) and any(entry.name not in OWN_PARTS for entry in root.iterdir())
    except OSError:
        return False
