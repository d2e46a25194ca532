"""File work in a thread that is never left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
