"""The everyday tasks as data: what a person would write, a hidden check, files that pass it and files that do not."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from benchmarks.evaluation.hidden import pytest_in
from core.execution.sandbox.sandbox import Sandbox

FOLDER = Path(__file__).resolve().parents[1] / "everyday_data"
HELPER = "delivered.py"


class EverydayTask(BaseModel):
    """One task; `check` is a pytest file, `reference` passes it, `wrong` is what a hasty answer looks like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str
    check: str
    reference: dict[str, str]
    wrong: dict[str, str]


def read_tasks() -> tuple[EverydayTask, ...]:
    """Return the tasks of all files, in their order."""
    files = sorted(FOLDER.glob("*.yaml"))
    return tuple(
        EverydayTask.model_validate(entry)
        for file in files
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))
    )


async def passes_check(task: EverydayTask, tree: dict[str, str] | Path, sandbox: Sandbox) -> bool:
    """Whether a tree passes a task's hidden check, executed in the sandbox."""
    hidden = {"test_hidden.py": task.check, HELPER: (FOLDER / HELPER).read_text(encoding="utf-8")}
    done = await pytest_in(tree, sandbox, hidden=hidden)
    return done.end == "exited" and done.exit_code == 0
