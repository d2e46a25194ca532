"""A call is cancelled at every single place at which it can be suspended; nothing stays held, told twice or untold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.errors import LLMCallError
from core.events import CallCancelled
from core.llm.call.cache import ResponseCache
from core.llm.call.call import Call
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import MODEL, CallHarness, open_call_harness
from tests.support.fault_server import Step, error, hang_up, ok, status, stream, token
from tests.support.hypothesis_profiles import cases_of_profile
from tests.support.stepping import watch_steps

LONG = "word " * 6000
MOST_STEPS = 400


@dataclass(frozen=True, slots=True)
class Script:
    """What the server does, how the harness is set up, and what is asked.

    Attributes:
        before: calls that are made before the one that is cancelled.
        then_seconds: time that passes after them.
        besides: calls that are under way when it begins.
        behind: calls that begin right after it, and must come to their own end.
    """

    steps: tuple[Step, ...] = ()
    llm: dict[str, Any] = field(default_factory=dict)
    breaker: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    routes: dict[str, Step] = field(default_factory=dict)
    before: int = 0
    then_seconds: float = 0.0
    besides: int = 0
    behind: int = 0
    spare: bool = False
    cached: bool = False


PROPS = {"total_slots": 2, "default_generation_settings": {"n_ctx": 4096}}
COUNTS = {
    "/props": status(200, PROPS),
    "/apply-template": status(200, {"prompt": LONG}),
    "/tokenize": status(200, {"tokens": list(range(7000))}),
}

SCRIPTS = {
    "plain": Script(),
    "not streamed": Script(request={"stream": False}),
    "retries": Script((status(503), stream(*HELLO, then="reset"), ok())),
    "refused key": Script((error(401, "key"),)),
    "loading": Script((error(503, "Loading model"), ok())),
    "adapted": Script((error(400, "Unrecognized request argument supplied: stream_options"), ok())),
    "breaker open": Script((status(503),), {"max_retries": 0}, {"threshold": 1}, before=1),
    "probe": Script((status(503), status(503), ok()), {"max_retries": 1}, {"threshold": 1}, before=1),
    "rate limited": Script((error(429, "slow", {"Retry-After": "9"}), ok())),
    "own rate": Script(llm={"requests_per_minute": 1}, before=1),
    "continued": Script(
        (ok("The first half of a long ans", reason="length"), stream(token("wer"), then="reset"), ok("wer.")),
        request={"continue_with": "Go on."},
    ),
    "fallback": Script((status(503), status(503)), {"max_retries": 1}, spare=True),
    "cache miss": Script(request={"temperature": 0}, cached=True),
    "cache hit": Script(request={"temperature": 0}, cached=True, before=1),
    "queued": Script(llm={"max_concurrency": 1}, besides=1),
    "queued before others": Script(llm={"max_concurrency": 1}, besides=1, behind=2),
    "first of all": Script(behind=2),
    "own rate before others": Script(llm={"requests_per_minute": 30, "tokens_per_minute": 900}, before=2, behind=2),
    "rate limited before others": Script((error(429, "slow", {"Retry-After": "9"}), ok()), behind=2),
    "open breaker before others": Script((status(503),), {"max_retries": 0}, {"threshold": 1}, before=1, behind=2),
    "probe before others": Script(
        (status(503),), {"max_retries": 0}, {"threshold": 1, "half_open": 1}, before=1, then_seconds=60, behind=2
    ),
    "stale connection": Script((ok(), hang_up(reset=True), ok()), before=1),
    "shortened": Script(request={"text": LONG}, routes=COUNTS),
    "too long": Script((error(400, "exceeds the available context size (4096 tokens)"), ok()), request={"text": LONG}),
    "lost server": Script((ok(), hang_up(), hang_up(), ok()), before=1),
    "unknown model": Script((error(404, "no such model"),)),
}


@asynccontextmanager
async def _prepared(
    harness: CallHarness, script: Script, folder: Path
) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Set the harness up as the script says, and give what makes the call."""
    cache = ResponseCache(folder / "answers.sqlite", harness.clock) if script.cached else None
    harness.configure(breaker=script.breaker, cache=cache, **script.llm)
    harness.server.routes = dict(script.routes)
    harness.server.script(script.steps, model=MODEL)
    fallbacks = (harness.endpoint(model="spare"),) if script.spare else ()
    try:
        for _ in range(script.before):
            await _ended([asyncio.create_task(harness.call(**script.request))])
        harness.clock.advance(script.then_seconds)
        others = [asyncio.create_task(harness.call(**script.request)) for _ in range(script.besides)]
        await harness.server.requests(len(harness.server.journal) + len(others))

        async def call() -> object:
            others.extend(asyncio.create_task(harness.call(**script.request)) for _ in range(script.behind))
            return await harness.call(fallbacks=fallbacks, **script.request)

        yield call
        async with asyncio.timeout(30):
            await _ended(others)
    finally:
        if cache is not None:
            await cache.close()


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        await asyncio.wait([task])
        assert not task.cancelled()
        task.exception()  # was asked for, so that nobody complains of it


async def _usable(harness: CallHarness) -> None:
    """Assert that whoever calls next is served."""
    harness.server.script([], model=MODEL)
    harness.clock.advance(3600)
    async with asyncio.timeout(30):
        await harness.call()


Stop = Callable[[CallHarness, "asyncio.Task[Any]", "asyncio.Task[Any]"], None]


def _cancel(_harness: CallHarness, outer: asyncio.Task[Any], _inner: asyncio.Task[Any]) -> None:
    outer.cancel()


def _stop_the_call(harness: CallHarness, _outer: asyncio.Task[Any], inner: asyncio.Task[Any]) -> None:
    harness.caller.cancel(inner.get_name().removeprefix("call "))


def _wake_and_cancel(harness: CallHarness, outer: asyncio.Task[Any], _inner: asyncio.Task[Any]) -> None:
    harness.caller.wake()
    outer.cancel()


STOPS: dict[str, tuple[Stop, int]] = {
    "cancelled": (_cancel, 1),
    "cancelled twice": (_cancel, 2),
    "stopped by its id": (_stop_the_call, 1),
    "woken and cancelled": (_wake_and_cancel, 1),
}


def _cases() -> Iterator[tuple[str, str]]:
    """Give every script with every stop; by the default profile with a plain cancellation, and one of the others in turn."""
    for place, script in enumerate(SCRIPTS):
        plain, *others = STOPS
        in_turn = [others[(place + turn) % len(others)] for turn in range(len(others))]
        for stop in cases_of_profile([plain, *in_turn], by_default=2):
            yield script, stop


@pytest.mark.parametrize(("script_id", "stop_id"), _cases())
async def test_a_call_can_be_cancelled_at_every_step(script_id: str, stop_id: str, tmp_path: Path) -> None:
    script = SCRIPTS[script_id]
    stop, times = STOPS[stop_id]
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unheard.append(context))
    async with open_call_harness() as harness:
        for at in range(1, MOST_STEPS):
            (tmp_path / str(at)).mkdir()
            async with _prepared(harness, script, tmp_path / str(at)) as call:
                reached = await _cancelled_at(harness, call, at, stop, times)
            harness.check()
            await _usable(harness)
            if not reached:
                break
        else:
            raise AssertionError("the call has no end")
    assert at > 1, "no step of the call was seen"
    assert unheard == []


async def _cancelled_at(
    harness: CallHarness, call: Callable[[], Awaitable[object]], at: int, stop: Stop, times: int
) -> bool:
    """Make the call and cancel it at its step; False if it came to its end without reaching it."""
    reached = False
    first: asyncio.Task[Any] | None = None

    def on_step(inner: asyncio.Task[Any], step: int) -> None:
        nonlocal reached, first
        first = first or inner
        if inner is first and at <= step < at + times:
            reached = True
            stop(harness, outer, inner)

    cancelled_before = len(harness.recorder.of(CallCancelled))
    with watch_steps(Call.run.__qualname__, on_step):
        outer = asyncio.ensure_future(call())
        async with asyncio.timeout(30):
            await asyncio.wait([outer])
    cancelled = len(harness.recorder.of(CallCancelled)) - cancelled_before
    if outer.cancelled():
        assert cancelled == 1
    elif outer.exception() is None:
        assert not reached, "the cancellation was swallowed"
        assert not cancelled
    else:
        failed = outer.exception()
        assert isinstance(failed, LLMCallError)
        assert (failed.kind == "cancelled") == bool(cancelled) == reached, failed
    return reached
