"""Tests that no model wrote: made by the engine of the examples in the task, or of inputs that a tiny model proposed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.execution.evidence.examples.example_tests import UsedExample, build_example_tests
from core.execution.evidence.examples.reader import read_examples
from core.workflow.graph import ArtifactRef, RunState, paths_of_role
from core.workflow.jobs.delivered_file import deliver_file
from core.workflow.prompt_context import read_if_there
from core.workflow.run import Run

ENGINE_AUTHOR = "engine"
EXAMPLE_TESTS_NAME = "test_examples.py"


@dataclass(frozen=True, slots=True)
class EngineTests:
    """What was delivered of them; `untested` says of examples that no test was made of, and why."""

    written: dict[str, ArtifactRef]
    untested: tuple[str, ...]
    used: tuple[UsedExample, ...] = ()


async def write_example_tests(run: Run, state: RunState) -> EngineTests:
    """Deliver the tests that are made of the task's examples.

    Raises:
        WorkspaceError: the file cannot be written.
    """
    read = read_examples(run.request.task)
    untested = [f"{example.quote}: {example.reason}" for example in read.unread]
    paths = [path for path in paths_of_role(state, "code") if path.endswith((".py", ".sh"))]
    files = await asyncio.to_thread(lambda: {path: read_if_there(run, path) for path in paths})
    if not files:
        untested += [f"{example.quote}: no test is made of it in {run.layout.language}" for example in read.examples]
        return EngineTests({}, tuple(untested))
    made = build_example_tests(read.examples, files)
    untested += [f"{unresolved.example.quote}: {unresolved.reason}" for unresolved in made.unresolved]
    if not made.text:
        return EngineTests({}, tuple(untested))
    round_number = state.get("round", 0)
    ref = await deliver_file(
        run, EXAMPLE_TESTS_NAME, made.text, role="test", author=ENGINE_AUTHOR, round_number=round_number
    )
    return EngineTests({ref["path"]: ref}, tuple(untested), made.used)
