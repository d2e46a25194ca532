"""File work for executions: copies to run in, and threads that are never left behind."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


async def to_thread_to_its_end(function: Callable[Given, Result], *args: Given.args, **named: Given.kwargs) -> Result:
    """Run a function in a thread; when cancelled, wait for it first: it must not write to a folder that is being removed."""
    task = asyncio.ensure_future(asyncio.to_thread(function, *args, **named))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def copy_files(sources: Iterable[tuple[Path, str]], target: Path) -> None:
    """Copy files to paths in a new folder, later ones over earlier ones; what has gone, or is a link, is left out."""
    target.mkdir(parents=True)
    for source, path in sources:
        copy = target / path
        is_inside = copy.resolve().is_relative_to(target.resolve())
        if is_inside and source.is_file() and not source.is_symlink():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
