"""A thousand streams at once in one process: each ends as it should, and none leaves anything behind."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import LLMCallError
from core.llm.http.pool import ClientPool
from tests.support.call_harness import CallHarness
from tests.support.events import check_call_contract
from tests.support.fault_server import DONE, FaultServer, Step, event, finish, stream, token, usage

DESCRIPTORS_A_STREAM = 2  # its two ends: the server runs in this process too
DESCRIPTORS_BESIDES = 200
WAVE = 50  # connections that are opened at once: less than the server's backlog
FATES = ("whole", "whole", "cancelled", "cut", "refused", "drained")
OPEN_DESCRIPTORS = Path("/dev/fd")


def hard_limit() -> int:
    if sys.platform == "win32":
        return 1 << 20
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


STREAMS = min(1000, (hard_limit() - DESCRIPTORS_BESIDES) // DESCRIPTORS_A_STREAM)  # fewer only where none may be more


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = STREAMS * DESCRIPTORS_A_STREAM + DESCRIPTORS_BESIDES
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Pieces:
    """A stream callback of all streams together that can be waited for."""

    def __init__(self) -> None:
        self._count = 0
        self._awaited = 0
        self._reached = asyncio.Event()

    def __call__(self, _text: str) -> None:
        self._count += 1
        if self._count == self._awaited:
            self._reached.set()

    async def reach(self, count: int) -> None:
        self._awaited = count
        if self._count < count:
            self._reached.clear()
            await self._reached.wait()


def answers(go_on: asyncio.Event) -> dict[str, Step]:
    """Return what happens to a stream of each fate, once it has begun and all may go on."""
    ending = (finish(), usage(), DONE)
    refusal = event({"error": {"message": "no", "code": 400}})
    return {
        "whole": stream(token("one "), go_on, token("two"), *ending),
        "cancelled": stream(token("one "), asyncio.Event()),
        "cut": stream(token("one "), go_on, token("tw"), then="reset"),
        "refused": stream(token("one "), go_on, refusal, then="hold"),
        "drained": stream(token("one "), go_on, token("two"), *ending, then="hold"),
    }


async def settled_descriptors(at_most: int) -> int:
    """Return how many are open, after the loop has had some turns to close those that are not used any more."""
    for _ in range(100):
        if open_descriptors() <= at_most:
            break
        await asyncio.sleep(0)
    return open_descriptors()


def open_descriptors() -> int:
    return len(list(OPEN_DESCRIPTORS.iterdir())) if OPEN_DESCRIPTORS.is_dir() else 0


async def run_all(harness: CallHarness) -> Counter[str]:
    """Make all calls, hold every one of them in the middle of its answer, and return how they ended."""
    go_on = asyncio.Event()
    steps = answers(go_on)
    harness.server.answer_by(lambda body: steps[body["messages"][-1]["content"]])
    pieces = Pieces()
    endpoint = harness.endpoint(slots=STREAMS)
    fates = [FATES[number % len(FATES)] for number in range(STREAMS)]
    calls: list[asyncio.Task[Any]] = []
    for number, fate in enumerate(fates, 1):
        calls.append(asyncio.create_task(harness.call(fate, endpoint=endpoint, stream_callback=pieces)))
        if number % WAVE == 0 or number == STREAMS:
            await pieces.reach(number)
    assert harness.caller.pool_status().in_flight == STREAMS
    assert harness.server.open_connections >= STREAMS
    for call, fate in zip(calls, fates, strict=True):
        if fate == "cancelled":
            call.cancel()
    go_on.set()
    await asyncio.wait(calls)
    return Counter(f"{fate}: {ending(call)}" for call, fate in zip(calls, fates, strict=True))


def ending(call: asyncio.Task[Any]) -> str:
    if call.cancelled():
        return "cancelled"
    error = call.exception()
    if isinstance(error, LLMCallError):
        return error.kind
    assert error is None
    return str(call.result().text)


@pytest.mark.usefixtures("_many_descriptors")
@pytest.mark.parametrize("count", [STREAMS], ids=[f"{STREAMS} streams"])
async def test_many_streams_at_once_leave_no_task_no_connection_and_no_descriptor(count: int) -> None:
    async with FaultServer() as server:
        async with ClientPool() as pool:
            await CallHarness(server, pool).call()  # loads and opens whatever only the first call does
        assert await server.all_closed()
        tasks_before, descriptors_before = asyncio.all_tasks(), open_descriptors()

        async with ClientPool(max_connections=count) as pool:
            harness = CallHarness(server, pool)
            # Without retries a connection that is slow to come up would end a call, and the wave would wait for it for ever.
            harness.configure(max_retries=0, connect_timeout=60.0, first_token_timeout=60.0, stall_timeout=60.0)
            endings = await run_all(harness)

            assert pool.in_flight == 0
            assert harness.caller.pool_status().in_flight == 0
        assert await server.all_closed()

        assert await settled_descriptors(descriptors_before) <= descriptors_before
        assert asyncio.all_tasks() == tasks_before
    fates = Counter(FATES[number % len(FATES)] for number in range(count))
    assert endings == {
        "whole: one two": fates["whole"],
        "cancelled: cancelled": fates["cancelled"],
        "cut: cut": fates["cut"],
        "refused: bad_request": fates["refused"],
        "drained: one two": fates["drained"],
    }
    check_call_contract(harness.recorder.events)
    assert sum(1 for _ in {event.call_id for event in harness.recorder.events if hasattr(event, "call_id")}) == count
