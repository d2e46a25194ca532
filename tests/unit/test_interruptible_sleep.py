"""A sleep that can be ended early: by time, by a word, by a cancel, and by two of them in the same moment."""

from __future__ import annotations

import asyncio

import pytest

from core.clock import InterruptibleSleep, SystemClock
from tests.support.clock import VirtualClock


async def test_it_sleeps_its_time_when_nobody_wakes_it() -> None:
    clock = VirtualClock()
    sleeper = InterruptibleSleep(clock)

    assert await sleeper.sleep(30) is False

    assert clock.sleeps == [30]
    assert clock.monotonic() == 1030
    assert not sleeper.is_waiting


async def test_a_wake_ends_it_before_its_time() -> None:
    clock = VirtualClock(manual=True)
    sleeper = InterruptibleSleep(clock)
    sleeping = asyncio.create_task(sleeper.sleep(30))
    await clock.until_asleep(1)
    assert sleeper.is_waiting

    assert sleeper.wake() is True

    assert await sleeping is True
    assert clock.monotonic() == 1000
    assert not sleeper.is_waiting


async def test_a_wake_ends_a_sleep_of_real_time() -> None:
    sleeper = InterruptibleSleep(SystemClock())
    sleeping = asyncio.create_task(sleeper.sleep(3600))
    await asyncio.sleep(0)

    sleeper.wake()

    assert await asyncio.wait_for(sleeping, 30) is True


async def test_to_wake_nobody_does_nothing_also_to_the_next_sleep() -> None:
    clock = VirtualClock()
    sleeper = InterruptibleSleep(clock)

    assert sleeper.wake() is False

    assert await sleeper.sleep(1) is False


async def test_several_sleeps_are_woken_together_and_only_once() -> None:
    clock = VirtualClock(manual=True)
    sleeper = InterruptibleSleep(clock)
    sleeping = [asyncio.create_task(sleeper.sleep(seconds)) for seconds in (1, 2, 3)]
    await clock.until_asleep(3)

    assert sleeper.wake() is True
    assert sleeper.wake() is False

    assert [await task for task in sleeping] == [True] * 3


@pytest.mark.parametrize("woken", [False, True])
@pytest.mark.parametrize("over", [False, True])
async def test_a_cancel_wins_also_in_the_moment_in_which_the_sleep_ends(woken: bool, over: bool) -> None:
    clock = VirtualClock(manual=True)
    sleeper = InterruptibleSleep(clock)
    sleeping = asyncio.create_task(sleeper.sleep(30))
    await clock.until_asleep(1)

    if woken:
        sleeper.wake()
    if over:
        clock.advance(30)
    sleeping.cancel()
    await asyncio.wait({sleeping})

    assert sleeping.cancelled()
    assert not sleeper.is_waiting


async def test_a_wake_that_comes_with_the_end_of_a_sleep_does_not_shorten_the_next() -> None:
    clock = VirtualClock(manual=True)
    sleeper = InterruptibleSleep(clock)

    async def two_sleeps() -> list[bool]:
        return [await sleeper.sleep(30), await sleeper.sleep(30)]

    sleeping = asyncio.create_task(two_sleeps())
    await clock.until_asleep(1)
    clock.advance(30)
    sleeper.wake()
    await asyncio.sleep(0)
    await clock.until_asleep(1)
    clock.advance(30)

    assert await sleeping == [False, False]


async def test_it_can_be_slept_with_while_an_error_or_an_earlier_cancel_is_handled() -> None:
    clock = VirtualClock(manual=True)
    sleeper = InterruptibleSleep(clock)

    async def clean_up() -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await sleeper.sleep(30)
        return False

    cleaning = asyncio.create_task(clean_up())
    await asyncio.sleep(0)
    cleaning.cancel()
    await clock.until_asleep(1)
    sleeper.wake()

    assert await cleaning is True


async def test_an_error_of_the_clock_comes_out_as_it_is() -> None:
    class BrokenClock(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            raise TimeoutError("the clock is broken")

    sleeper = InterruptibleSleep(BrokenClock())

    with pytest.raises(TimeoutError, match="broken"):
        await sleeper.sleep(1)
    assert not sleeper.is_waiting


async def test_it_starts_no_task_of_its_own() -> None:
    clock = VirtualClock(manual=True)
    sleeper = InterruptibleSleep(clock)
    before = asyncio.all_tasks()

    sleeping = asyncio.create_task(sleeper.sleep(30))
    await clock.until_asleep(1)

    assert asyncio.all_tasks() == {*before, sleeping}
    sleeper.wake()
    await sleeping
