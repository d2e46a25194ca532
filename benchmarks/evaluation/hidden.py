"""Executes hidden checks in the product's own sandbox, in a copy of what was delivered."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from core.execution.not_executed import NotExecuted
from core.execution.runners.python.environment import PythonEnvironment, build_environment
from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.ladder import choose_sandbox
from core.execution.sandbox.sandbox import Sandbox
from core.execution.sandbox.visible import interpreter_paths
from core.settings.schema.sections import ExecutionSettings

LIMITS = Limits(wall_seconds=60, cpu_seconds=60)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".pytest_cache")


async def find_sandbox() -> Sandbox:
    """Return the sandbox of this machine, or end with what is missing: model-written code never runs bare."""
    chosen = await choose_sandbox(ExecutionSettings())
    if isinstance(chosen, NotExecuted):
        raise SystemExit(f"{chosen.reason}; {chosen.hint}")
    return chosen


async def passes_program(tree: Mapping[str, str] | Path, check: str, sandbox: Sandbox) -> bool:
    """Whether a program of checks runs to its very end beside the files of a tree."""
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as name:
        folder = _folder_of(name) / "tree"
        # The word at the end is unknown to the code before: leaving early with exit code 0 is no pass.
        program = f"import sys\nsys.path[:0] = {[str(folder), str(folder / 'src')]!r}\n{check}\nprint({token!r})\n"
        await asyncio.to_thread(_fill, folder, tree, {"hidden_check.py": program})
        done = await sandbox.run(
            SandboxedCommand(
                argv=(sys.executable, "-I", "-B", str(folder / "hidden_check.py")),
                folder=folder,
                readable=interpreter_paths(),
                limits=LIMITS,
            )
        )
    return (
        done.end == "exited" and done.exit_code == 0 and done.stdout.decode(errors="replace").rstrip().endswith(token)
    )


async def pytest_in(
    tree: Mapping[str, str] | Path, sandbox: Sandbox, *, hidden: Mapping[str, str] | None = None
) -> CommandResult:
    """Run `python -m pytest` in a copy of a tree; with `hidden` files, those instead, beside it.

    The copy is in the folder `delivered`, whose path the variable DELIVERED names.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = _folder_of(name) / "work"
        delivered = folder / "delivered"
        await asyncio.to_thread(_fill, delivered, tree)
        if hidden is not None:
            await asyncio.to_thread(_fill, folder / "hidden", hidden)
        environment = await asyncio.to_thread(_environment)
        return await sandbox.run(
            SandboxedCommand(
                argv=(
                    str(environment.python),
                    "-B",
                    "-m",
                    "pytest",
                    "-q",
                    "-p",
                    "no:cacheprovider",
                    "hidden" if hidden is not None else ".",
                ),
                folder=folder if hidden is not None else delivered,
                readable=environment.readable,
                environment={
                    "PATH": environment.search_path,
                    "DELIVERED": str(delivered),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                limits=LIMITS,
            )
        )


@functools.cache
def _environment() -> PythonEnvironment:
    """Return the product's own minimal environment with pytest, made once."""
    folder = tempfile.mkdtemp(prefix="quintet-benchmark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build_environment(_folder_of(folder) / "python", [])


def _folder_of(name: str) -> Path:
    """Return a temporary folder as the sandbox sees it: without links on the way."""
    return Path(os.path.realpath(name))


def _fill(folder: Path, tree: Mapping[str, str] | Path, more: Mapping[str, str] | None = None) -> None:
    if isinstance(tree, Path):
        shutil.copytree(tree, folder, symlinks=True, ignore=_LEFT_OUT)
    files = {**({} if isinstance(tree, Path) else tree), **(more or {})}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
