"""The concurrency gate: never too many at once, first come first served, nothing lost to a cancel."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from core.resilience.gate import Gate, GateFullError


async def _hold(gate: Gate, release: asyncio.Event, entered: list[int], number: int) -> None:
    async with gate.slot():
        entered.append(number)
        await release.wait()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_lets_in_as_many_as_it_has_slots_and_the_others_in_order() -> None:
    gate = Gate(2)
    releases = [asyncio.Event() for _ in range(5)]
    entered: list[int] = []
    tasks = [asyncio.create_task(_hold(gate, releases[number], entered, number)) for number in range(5)]
    await _settle()
    assert (entered, gate.in_use, gate.waiting) == ([0, 1], 2, 3)

    for number, expected in ((1, [0, 1, 2]), (0, [0, 1, 2, 3]), (3, [0, 1, 2, 3, 4])):
        releases[number].set()
        await _settle()
        assert entered == expected

    for release in releases:
        release.set()
    await asyncio.wait(tasks)
    assert (gate.in_use, gate.waiting) == (0, 0)


async def test_each_hears_its_place_whenever_it_changes() -> None:
    gate = Gate(1)
    places: dict[int, list[int]] = {number: [] for number in range(4)}
    releases = [asyncio.Event() for _ in range(4)]

    async def come(number: int) -> None:
        async with gate.slot(places[number].append):
            await releases[number].wait()

    tasks = [asyncio.create_task(come(number)) for number in range(4)]
    await _settle()
    tasks[2].cancel()
    await _settle()
    releases[0].set()
    await _settle()
    for release in releases:
        release.set()
    await asyncio.wait(tasks)

    assert places == {0: [], 1: [0, 0], 2: [1], 3: [2, 1, 0]}


async def test_a_slot_given_to_one_who_is_cancelled_in_that_moment_goes_to_the_next() -> None:
    gate = Gate(1)
    releases = [asyncio.Event() for _ in range(3)]
    entered: list[int] = []
    tasks = [asyncio.create_task(_hold(gate, releases[number], entered, number)) for number in range(3)]
    await _settle()

    releases[0].set()
    await asyncio.sleep(0)  # the slot is handed over, the second task has not run yet
    tasks[1].cancel()
    await _settle()

    assert entered == [0, 2]
    releases[2].set()
    await asyncio.wait(tasks)
    assert gate.in_use == 0


async def test_the_line_is_bounded() -> None:
    gate = Gate(1, max_waiting=1)
    release = asyncio.Event()
    tasks = [asyncio.create_task(_hold(gate, release, [], number)) for number in range(2)]
    await _settle()

    with pytest.raises(GateFullError):
        async with gate.slot():
            pass

    release.set()
    await asyncio.wait(tasks)


async def test_a_storm_of_comings_and_cancels_leaves_all_slots_free() -> None:
    random = Random(4)  # noqa: S311 - reproducible, not secret
    gate = Gate(3, max_waiting=1000)
    most = 0

    async def come() -> None:
        nonlocal most
        async with gate.slot():
            most = max(most, gate.in_use)
            for _ in range(random.randrange(4)):
                await asyncio.sleep(0)

    tasks = []
    for _ in range(500):
        tasks.append(asyncio.create_task(come()))
        if random.random() < 0.5:
            await asyncio.sleep(0)
        random.choice(tasks).cancel()
    await asyncio.wait(tasks)

    assert (most, gate.in_use, gate.waiting) == (3, 0, 0)
