"""LangGraph: a workflow as a graph, the state it carries, and a checkpoint of every step.

The state holds small plain values and text by reference, because a checkpoint holds all of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypedDict, TypeVar, cast

from core.kinds import EvidenceVerdict, Opinion, StepStatus
from core.workflow.checkpoints import open_checkpoints, switch_tracing_off
from core.workflow.definition import FileRole, StepSpec, WorkflowSpec
from core.workflow.rounds import RoundRecord

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

RECURSION_LIMIT = 40  # a guard against endless graphs; rounds are counted in the state

_Value = TypeVar("_Value")


class ArtifactRef(TypedDict):
    """One accepted file: where it is and what it was when it was accepted."""

    path: str
    sha256: str
    bytes: int
    role: FileRole
    agent: str
    round: int


class StepResult(TypedDict):
    """The hand-off of one step; `text` is a reference into the session's text store, or None."""

    status: StepStatus
    agent: str
    artifacts: list[str]
    rejected: list[str]
    notes: str
    text: str | None
    input_tokens: int
    output_tokens: int
    truncated: bool


class PlanEntry(TypedDict):
    """One file of the plan that was accepted, and what it is for."""

    path: str
    purpose: str


def merge_by_key(old: dict[str, _Value] | None, new: dict[str, _Value] | None) -> dict[str, _Value]:
    """Reducer for channels that parallel steps write to: keys of the newer update win."""
    return {**(old or {}), **(new or {})}


class RunState(TypedDict, total=False):
    """The channels of the graph; one that nothing has been written to is missing.

    The update that a step returns is a RunState as well, with the channels that change. `plan` is what the layout follows;
    without one there is the one file of the task. `unmet` is what the plan named and was not made, in whatever round.
    The step that executes tests sets `targets`, the steps to go back to, and `rework`, which says of each file that is to
    be written again what is wrong with it, and shows the code there: two references into the session's texts. `readme_commands` is
    such a reference too, to the records of what became of them.
    """

    results: Annotated[dict[str, StepResult], merge_by_key]
    artifacts: Annotated[dict[str, ArtifactRef], merge_by_key]
    plan: list[PlanEntry]
    unmet: list[str]
    round: int
    targets: list[str]
    rework: dict[str, list[str]]
    rounds: list[RoundRecord]
    delivered_round: int
    verdict: EvidenceVerdict
    findings: list[str]
    opinion: Opinion
    opinion_grounds: list[str]
    stop_reason: str
    packaged_manifest: str
    readme_commands: str


def artifacts_of_role(state: RunState, *roles: FileRole) -> list[ArtifactRef]:
    """Return the accepted files of some roles, sorted by path."""
    refs = state.get("artifacts", {}).values()
    return sorted((ref for ref in refs if ref["role"] in roles), key=lambda ref: ref["path"])


def paths_of_role(state: RunState, *roles: FileRole) -> list[str]:
    """Return the paths of the accepted files of some roles, sorted."""
    return [ref["path"] for ref in artifacts_of_role(state, *roles)]


class StepRunner(Protocol):
    """What does the work of the graph's nodes."""

    async def run_step(self, step: StepSpec, state: RunState) -> RunState:
        """Return the state update of one step."""
        ...

    async def is_due(self, step: StepSpec, state: RunState) -> bool:
        """Return whether a step has to run now."""
        ...


async def execute_workflow(
    workflow: WorkflowSpec,
    runner: StepRunner,
    *,
    run_id: str,
    checkpoint_path: Path,
    on_trouble: Callable[[str], None],
) -> RunState:
    """Run the workflow to its end and return the final state, as the last checkpoint has it.

    `on_trouble` is called, with a sentence, when checkpoints cannot be kept; the run goes on.

    Raises:
        WorkspaceError: files cannot be written.
        PromptError: a prompt wants a variable that its step may not read.
    """
    async with open_checkpoints(checkpoint_path, on_trouble) as checkpoints:
        graph = _compiled(workflow, runner, checkpoints)
        config: RunnableConfig = {"configurable": {"thread_id": run_id}, "recursion_limit": RECURSION_LIMIT}
        await graph.ainvoke({"round": 0}, config, durability="sync")
        # The last streamed update is not the final state; the checkpoint is.
        return cast("RunState", (await graph.aget_state(config)).values)


def _compiled(
    workflow: WorkflowSpec, runner: StepRunner, checkpointer: BaseCheckpointSaver[str]
) -> CompiledStateGraph[RunState, None, RunState, RunState]:
    """Return the runnable graph: steps are nodes, `after` gives the edges, a failing verdict the way back."""
    switch_tracing_off()
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import RetryPolicy

    graph: StateGraph[RunState, None, RunState, RunState] = StateGraph(RunState)
    for step in workflow.steps:
        # Our call path owns retries; LangGraph's own would repeat whole steps. A step with several predecessors
        # is deferred: it waits until nothing else is pending, also through the rounds of a rework.
        graph.add_node(
            step.id,
            _node(step, runner),
            defer=len(step.after) > 1,
            retry_policy=RetryPolicy(max_attempts=1),
        )
        if not step.after:
            graph.add_edge(START, step.id)
        targets = [later.id for later in workflow.steps if _comes_after(workflow, later, step.id)]
        if step.rework is not None:
            targets += step.rework.steps().values()
        if targets:
            graph.add_conditional_edges(step.id, _router(workflow, step, runner), [*dict.fromkeys(targets), END])
        else:
            graph.add_edge(step.id, END)
    return graph.compile(checkpointer=checkpointer)


def _node(step: StepSpec, runner: StepRunner) -> Any:  # LangGraph's node protocols are generic over private types
    async def node(state: RunState) -> RunState:
        return await runner.run_step(step, state)

    return node


def _router(workflow: WorkflowSpec, step: StepSpec, runner: StepRunner) -> Callable[[RunState], Awaitable[list[str]]]:
    from langgraph.graph import END

    async def route(state: RunState) -> list[str]:
        if step.executes and state.get("targets"):
            return state["targets"]
        due = await _due_after(workflow, step, runner, state)
        return due or [END]

    return route


async def _due_after(workflow: WorkflowSpec, step: StepSpec, runner: StepRunner, state: RunState) -> list[str]:
    """Return the next steps that have to run; past one that has nothing to do now, what comes after it."""
    due: dict[str, None] = {}
    for successor in workflow.successors(step.id):
        if await runner.is_due(successor, state):
            due[successor.id] = None
        else:
            due.update(dict.fromkeys(await _due_after(workflow, successor, runner, state)))
    return list(due)


def _comes_after(workflow: WorkflowSpec, step: StepSpec, earlier: str) -> bool:
    return earlier in step.after or any(_comes_after(workflow, workflow.step(other), earlier) for other in step.after)
