"""What the steps of one run share: where its files and texts are, what it is about, and who is on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from core.agents import Agent, CallScope
from core.clock import Clock
from core.events import EventSink
from core.prompts import CommonPrompts, Variant
from core.sessions.folder import Session
from core.workflow.definition import ModelSize, WorkflowSpec
from core.workflow.layout import Layout
from core.workflow.run_budget_gate import RunBudgetGate
from core.workspace.files.folder import OutputFolder


@dataclass(frozen=True, slots=True)
class SteeringNote:
    """Words of the user during the run; `agent_id` is None when they are for everybody."""

    text: str
    agent_id: str | None


class Stamp(TypedDict):
    """The fields all events of a run have in common; `at` is monotonic seconds."""

    run_id: str
    correlation_id: str
    at: float


@dataclass(slots=True)
class Run:
    """One run's surroundings; its progress is the graph's state, not this.

    `task_in_prompts` is the task, or what of it fits the model. `budget_gate` is asked before every call;
    `steering` grows while the run goes on.
    """

    run_id: str
    correlation_id: str
    task: str
    task_in_prompts: str
    workflow: WorkflowSpec
    agents: Mapping[str, Agent]
    team: frozenset[str]
    common: CommonPrompts
    folder: OutputFolder
    session: Session
    layout: Layout
    variant: Variant
    max_rework_rounds: int
    emit: EventSink
    clock: Clock
    budget_gate: RunBudgetGate
    source_folder: Path | None = None
    agent_gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(5))
    has_been_answered: bool = False
    steering: list[SteeringNote] = field(default_factory=list)
    working: dict[str, set[asyncio.Task[object]]] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)

    @property
    def size(self) -> ModelSize:
        return "small" if self.variant == "short" else "large"

    def stamp(self) -> Stamp:
        """Return what every event of this run carries."""
        return Stamp(run_id=self.run_id, correlation_id=self.correlation_id, at=self.clock.monotonic())

    def scope(self, step_id: str, made: str) -> CallScope:
        """Return the scope of a call: its task is named step/what is made, such as test/verdict."""
        return CallScope(self.run_id, self.correlation_id, f"{step_id}/{made}", self.budget_gate.admit)

    def words_for(self, agent_id: str) -> str:
        """Return what the user has said to this agent or to everybody, a line each."""
        notes = [note.text for note in self.steering if note.agent_id in (None, agent_id)]
        return "\n".join(notes)

    def is_on(self, agent_id: str) -> bool:
        """Whether an agent takes part now: it is of this run's team and has not been switched off."""
        return agent_id in self.team and self.agents[agent_id].enabled
