"""A workflow as a LangGraph graph: steps are nodes, `after` gives the edges, a failing verdict the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from core.workflow.definition import StepSpec, WorkflowSpec
from core.workflow.state import RunState
from core.workflow.tracing import switch_tracing_off

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

State = Mapping[str, Any]  # a RunState, as LangGraph hands it over
RunStep = Callable[[StepSpec, State], Awaitable[dict[str, Any]]]
IsDue = Callable[[StepSpec, State], Awaitable[bool]]


def compile_workflow(
    workflow: WorkflowSpec, run_step: RunStep, is_due: IsDue, checkpointer: BaseCheckpointSaver[str]
) -> CompiledStateGraph[RunState, None, RunState, RunState]:
    """Return the runnable graph; `is_due` tells whether a step that packages must run again."""
    switch_tracing_off()
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import RetryPolicy

    graph: StateGraph[RunState, None, RunState, RunState] = StateGraph(RunState)
    for step in workflow.steps:
        # Our call path owns retries; LangGraph's own would repeat whole steps. A step with several predecessors
        # is deferred: it waits until nothing else is pending, also through the rounds of a rework.
        graph.add_node(
            step.id,
            _node(step, run_step),
            defer=len(step.after) > 1,
            retry_policy=RetryPolicy(max_attempts=1),
        )
        if not step.after:
            graph.add_edge(START, step.id)
        targets = [successor.id for successor in workflow.successors(step.id)]
        if step.rework is not None:
            targets.append(step.rework)
        if targets:
            graph.add_conditional_edges(step.id, _router(workflow, step, is_due), [*targets, END])
        else:
            graph.add_edge(step.id, END)
    return graph.compile(checkpointer=checkpointer)


def _node(step: StepSpec, run_step: RunStep) -> Any:  # LangGraph's node protocols are generic over private types
    async def node(state: RunState) -> dict[str, Any]:
        return await run_step(step, state)

    return node


def _router(workflow: WorkflowSpec, step: StepSpec, is_due: IsDue) -> Callable[[RunState], Awaitable[list[str]]]:
    from langgraph.graph import END

    async def route(state: RunState) -> list[str]:
        if step.rework is not None and state.get("route") == "rework":
            return [step.rework]
        due = [successor.id for successor in workflow.successors(step.id) if await is_due(successor, state)]
        return due or [END]

    return route
