"""LangGraph: a workflow as a graph, a checkpoint of every step in SQLite, and no tracing whatever the environment says."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from core.errors import WorkspaceError
from core.workflow.definition import StepSpec, WorkflowSpec
from core.workflow.run import Run
from core.workflow.state import RECURSION_LIMIT, RunState
from core.workflow.step import StepRunner

if TYPE_CHECKING:
    from aiosqlite import Connection
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from langgraph.graph.state import CompiledStateGraph

    CompiledWorkflow = CompiledStateGraph[RunState, None, RunState, RunState]

_TRACING_VARIABLES = ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING")


async def execute_run(run: Run) -> RunState:
    """Run the workflow to its end and return the final state, as the last checkpoint has it.

    Raises:
        WorkspaceError: files or checkpoints cannot be written.
        PromptError: a prompt wants a variable that its step may not read.
    """
    async with open_checkpoints(run.session.checkpoint_path) as checkpoints:
        graph = compile_workflow(run.workflow, StepRunner(run), checkpoints)
        config: RunnableConfig = {"configurable": {"thread_id": run.run_id}, "recursion_limit": RECURSION_LIMIT}
        await graph.ainvoke({"round": 0}, config, durability="sync")
        # The last streamed update is not the final state; the checkpoint is.
        return cast("RunState", (await graph.aget_state(config)).values)


def compile_workflow(
    workflow: WorkflowSpec, runner: StepRunner, checkpointer: BaseCheckpointSaver[str]
) -> CompiledWorkflow:
    """Return the runnable graph: steps are nodes, `after` gives the edges, a failing verdict the way back."""
    _switch_tracing_off()
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
        targets = [successor.id for successor in workflow.successors(step.id)]
        if step.rework is not None:
            targets.append(step.rework)
        if targets:
            graph.add_conditional_edges(step.id, _router(workflow, step, runner), [*targets, END])
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
        if step.rework is not None and state.get("route") == "rework":
            return [step.rework]
        due = [successor.id for successor in workflow.successors(step.id) if await runner.is_due(successor, state)]
        return due or [END]

    return route


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Yield a saver on the file, created when missing; WorkspaceError when SQLite cannot use it, then or later."""
    _switch_tracing_off()
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    try:
        connection = await _connected(path)
        try:
            # WAL with NORMAL survives a kill of the process; FULL adds an fsync a step against power loss only.
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute("PRAGMA synchronous=NORMAL")
            saver = AsyncSqliteSaver(connection)
            await saver.setup()
            yield saver
        finally:
            await connection.close()
    except sqlite3.Error as error:
        raise WorkspaceError(
            f"the checkpoints {path} cannot be used: {error}", hint="check the folder's rights and free space"
        ) from error


async def _connected(path: Path) -> Connection:
    """Connect; when cancelled meanwhile, wait: the library's thread reports to a loop that could be closed by then."""
    import aiosqlite

    async def connect() -> Connection:
        return await aiosqlite.connect(path)

    opening = asyncio.create_task(connect())
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(sqlite3.Error):
            await (await opening).close()
        raise


def _switch_tracing_off() -> None:
    """Forbid LangSmith tracing, which would send tasks out; to be called before LangGraph is imported.

    Both ways are needed: the environment is read while modules are imported, and an explicit configuration comes
    before the environment, so it also holds when a variable is set later.
    """
    for name in _TRACING_VARIABLES:
        os.environ[name] = "false"
    import langsmith

    langsmith.configure(enabled=False)
