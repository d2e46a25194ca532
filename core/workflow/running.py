"""Takes one prepared run through its graph, from the first step to the final state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.workflow.checkpoints import open_checkpoints
from core.workflow.definition import StepSpec
from core.workflow.graph import compile_workflow
from core.workflow.layout import Layout, layout_for
from core.workflow.run import Run
from core.workflow.state import RECURSION_LIMIT
from core.workflow.step import StepRunner, manifest_digest
from core.workspace.files.listing import read_sources

LISTED_SOURCE_BYTES = 200_000


async def execute_run(run: Run) -> Mapping[str, Any]:
    """Run the workflow to its end and return the final state, as the last checkpoint has it.

    Raises:
        WorkspaceError: files or checkpoints cannot be written.
        PromptError: a prompt wants a variable that its step may not read.
    """
    runner = StepRunner(run)

    async def is_due(step: StepSpec, state: Mapping[str, Any]) -> bool:
        if not step.once_per_manifest:
            return True
        return state.get("packaged_manifest") != await asyncio.to_thread(manifest_digest, run, state)

    async with open_checkpoints(run.session.checkpoint_path) as checkpoints:
        graph = compile_workflow(run.workflow, runner.run_step, is_due, checkpoints)
        config: Any = {"configurable": {"thread_id": run.run_id}, "recursion_limit": RECURSION_LIMIT}
        await graph.ainvoke({"round": 0}, config, durability="sync")
        # The last streamed update is not the final state; the checkpoint is.
        return dict((await graph.aget_state(config)).values)


def layout_of(task: str, source_folder: Path | None) -> Layout:
    """Return the layout of a run; in an existing folder, the file the task names, or the only one, is the source."""
    if source_folder is None:
        return layout_for(task)
    plain = layout_for(task)
    paths = [path for path, _ in read_sources(source_folder, LISTED_SOURCE_BYTES).files]
    named = [path for path in paths if path in task or Path(path).name in task.split()]
    own = [path for path in paths if path.endswith(plain.suffixes)]
    if named:
        return layout_for(task, source=named[0])
    return layout_for(task, source=own[0]) if len(own) == 1 else plain
