"""Looks at a coroutine's every suspension, so that a test can do something at exactly the k-th one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from types import coroutine
from typing import Any


@contextmanager
def watch_steps(qualified_name: str, on_step: Callable[[asyncio.Task[Any], int], None]) -> Iterator[None]:
    """Tell of every suspension, from 1, of each task whose coroutine has this name and begins within the block.

    `on_step` is called while the task is suspended, before anything else runs.
    """
    loop = asyncio.get_running_loop()

    def make_task(
        loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
    ) -> asyncio.Task[Any]:
        if isinstance(coro, Coroutine) and getattr(coro, "__qualname__", "") == qualified_name:
            coro = _stepped(coro, on_step)
        return asyncio.Task(coro, loop=loop, **options)

    loop.set_task_factory(make_task)
    try:
        yield
    finally:
        loop.set_task_factory(None)


@coroutine
def _stepped(
    coro: Coroutine[Any, Any, Any], on_step: Callable[[asyncio.Task[Any], int], None]
) -> Generator[Any, Any, Any]:
    steps = 0
    value: Any = None
    thrown: BaseException | None = None
    while True:
        try:
            waited_for = coro.send(value) if thrown is None else coro.throw(thrown)
        except StopIteration as end:
            return end.value
        value, thrown, steps = None, None, steps + 1
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(on_step, task, steps)
        try:
            value = yield waited_for
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's, a cancellation above all
            thrown = error
