"""The concurrency gate: never too many at once, the urgent first, nothing lost to a cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.resilience.gate import NEAR_POSITIONS, Gate, GateFullError, Priority
from tests.support.hypothesis_profiles import machine_settings

PRIORITIES: tuple[Priority, ...] = ("user", "agent")


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

    assert places == {0: [], 1: [0], 2: [1], 3: [2, 1, 0]}


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


async def test_the_urgent_go_first_and_those_they_overtake_hear_of_it() -> None:
    gate = Gate(1)
    order: tuple[Priority, ...] = ("agent", "agent", "agent", "user", "user", "agent", "agent")
    places: list[list[int]] = [[] for _ in order]
    releases = [asyncio.Event() for _ in order]
    entered: list[int] = []

    async def come(number: int) -> None:
        async with gate.slot(places[number].append, priority=order[number]):
            entered.append(number)
            await releases[number].wait()

    tasks = []
    for number in range(len(order)):
        tasks.append(asyncio.create_task(come(number)))
        await _settle()
    assert places == [[], [0, 1, 2], [1, 2, 3], [0], [1], [4], [5]]

    for number in (0, 3, 4, 1, 2, 5, 6):
        assert entered[-1] == number
        releases[number].set()
        await _settle()

    await asyncio.wait(tasks)
    assert [place[-1:] for place in places] == [[], *[[0]] * 6]


async def test_a_lowered_limit_cuts_nobody_and_hands_on_no_slot_until_it_is_met() -> None:
    gate = Gate(4, ceiling=8)
    releases = [asyncio.Event() for _ in range(6)]
    entered: list[int] = []
    tasks = [asyncio.create_task(_hold(gate, releases[number], entered, number)) for number in range(6)]
    await _settle()

    gate.overloaded()
    gate.overloaded()
    assert (gate.slots, gate.in_use, gate.waiting) == (2, 4, 2)
    for number, expected in ((0, [0, 1, 2, 3]), (1, [0, 1, 2, 3]), (2, [0, 1, 2, 3, 4])):
        releases[number].set()
        await _settle()
        assert entered == expected

    for release in releases:
        release.set()
    await asyncio.wait(tasks)
    assert gate.in_use == 0


async def test_a_raised_limit_lets_the_next_in_at_once() -> None:
    gate = Gate(1, ceiling=2)
    release = asyncio.Event()
    entered: list[int] = []
    tasks = [asyncio.create_task(_hold(gate, release, entered, number)) for number in range(3)]
    await _settle()

    gate.succeeded()
    gate.succeeded()
    await _settle()

    assert (gate.slots, entered, gate.waiting) == (2, [0, 1], 1)
    release.set()
    await asyncio.wait(tasks)


async def test_a_success_raises_the_limit_only_while_half_of_it_is_used() -> None:
    gate = Gate(5, ceiling=16)

    async with gate.slot(), gate.slot():
        gate.succeeded()
        assert gate.slots == 5
        async with gate.slot():
            gate.succeeded()

    assert gate.slots == 6


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 1), (5, 4), (10, 9), (16, 14), (64, 57)])
def test_an_overload_takes_a_tenth_of_the_limit_but_leaves_one(before: int, after: int) -> None:
    gate = Gate(before, ceiling=64)

    gate.overloaded()

    assert gate.slots == after


@given(news=st.lists(st.booleans(), max_size=200))
async def test_an_adaptive_limit_stays_between_one_and_its_ceiling(news: list[bool]) -> None:
    gate = Gate(5, ceiling=16)

    async with gate.slot(), gate.slot(), gate.slot(), gate.slot(), gate.slot():
        for good in news:
            before = gate.slots
            (gate.succeeded if good else gate.overloaded)()
            assert 1 <= gate.slots <= 16
            assert gate.slots - before in ({0, 1} if good else {0, -1, -2})


def test_a_limit_that_starts_above_its_ceiling_is_lowered_to_it() -> None:
    assert Gate(20, ceiling=16).slots == 16


async def test_a_fixed_limit_learns_nothing() -> None:
    gate = Gate(3)

    async with gate.slot(), gate.slot(), gate.slot():
        gate.succeeded()
        gate.overloaded()

    assert gate.slots == 3


async def test_one_whose_listener_raises_leaves_the_line() -> None:
    gate = Gate(1)

    def listen(position: int) -> None:
        raise ValueError("the listener is broken")

    async with gate.slot():
        with pytest.raises(ValueError, match="broken"):
            async with gate.slot(listen):
                pass
        assert gate.waiting == 0

    async with gate.slot():
        assert gate.in_use == 1


async def test_a_thousand_calls_wait_and_hear_of_their_place_without_a_flood() -> None:
    gate = Gate(1)
    release = asyncio.Event()
    places: list[list[int]] = [[] for _ in range(1000)]

    async def hold(number: int) -> None:
        async with gate.slot(places[number].append):
            await release.wait()

    tasks = [asyncio.create_task(hold(number)) for number in range(1000)]
    await _settle()
    assert gate.waiting == 999
    release.set()
    await asyncio.wait(tasks)

    assert [task.exception() for task in tasks] == [None] * 1000
    assert places[-1] == [998, *[998 // 2**halvings for halvings in range(1, 5)], *range(NEAR_POSITIONS - 1, -1, -1)]


async def test_callers_take_turns_however_many_calls_one_of_them_has_waiting() -> None:
    gate = Gate(1)
    served: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def come(caller: str, then: str = "") -> None:
        async with gate.slot(caller=caller):
            served.append(caller)
            if then:
                tasks.append(asyncio.create_task(come(then)))
                await _settle()

    async with gate.slot():
        tasks.extend(asyncio.create_task(come(caller)) for caller in ("a", "a", "a", "a", "b", "b"))
        tasks.append(asyncio.create_task(come("c", then="d")))
        await _settle()
    while any(not task.done() for task in tasks):
        await asyncio.wait(tasks)

    assert served == ["a", "b", "c", "d", "a", "b", "a", "a"]


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
        async with gate.slot(priority=random.choice(PRIORITIES)):
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


State = Literal["waiting", "given", "inside", "gone"]


@dataclass(eq=False)
class _Caller:
    """Somebody who asks for a slot; driven step by step, so that a cancel can come between any two of them."""

    number: int
    priority: Priority
    slot: AbstractAsyncContextManager[None]
    places: list[int]
    entering: Coroutine[Any, Any, None]
    turn: asyncio.Future[None] | None = None
    state: State = "gone"
    cancelled: bool = False


@dataclass
class _Model:
    """Who waits and who has a slot, as the rules describe it, written without looking at the gate's code."""

    slots: int
    holders: set[_Caller] = field(default_factory=set)
    waiting: set[_Caller] = field(default_factory=set)

    def line(self) -> list[_Caller]:
        return sorted(self.waiting, key=lambda caller: (PRIORITIES.index(caller.priority), caller.number))

    def serve(self) -> None:
        for caller in self.line():
            if len(self.holders) >= self.slots:
                return
            self.waiting.remove(caller)
            if not caller.cancelled:
                self.holders.add(caller)
                caller.state = "given"


class GateMachine(RuleBasedStateMachine):
    """Drives gate and model with the same steps; what a task would do in its next turn is a step of its own."""

    START, CEILING, BOUND = 3, 5, 6

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.gate = Gate(self.START, ceiling=self.CEILING, max_waiting=self.BOUND)
        self.model = _Model(self.START)
        self.callers: list[_Caller] = []
        self.number = 0

    def teardown(self) -> None:
        for caller in self.callers:
            caller.cancelled = True
            if caller.state == "inside":
                self._leave(caller)
            else:
                self._run(caller)
        assert (self.gate.in_use, self.gate.waiting) == (0, 0)
        self.runner.close()

    def _step(self, coroutine: Coroutine[Any, Any, Any], error: BaseException | None = None) -> Any:
        """Let a coroutine go on to its next wait; the future it waits for, or None if it has ended."""

        async def step() -> Any:
            try:
                return coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration:
                return None

        return self.runner.run(step())

    @rule(priority=st.sampled_from(PRIORITIES))
    def come(self, priority: Priority) -> None:
        self.number += 1
        places: list[int] = []
        slot = self.gate.slot(places.append, priority=priority)
        caller = _Caller(self.number, priority, slot, places, slot.__aenter__())
        free = len(self.model.holders) < self.model.slots
        if not free and len(self.model.waiting) >= self.BOUND:
            with pytest.raises(GateFullError):
                self._step(caller.entering)
            return
        self.callers.append(caller)
        caller.turn = self._step(caller.entering)
        caller.state = "inside" if free else "waiting"
        (self.model.holders if free else self.model.waiting).add(caller)
        assert (caller.turn is None) == free

    @precondition(lambda self: self.callers)
    @rule(pick=st.integers(0, 100))
    def cancel_or_leave(self, pick: int) -> None:
        caller = self.callers[pick % len(self.callers)]
        if caller.state == "inside":
            self._leave(caller)
            return
        assert caller.turn is not None
        assert caller.turn.cancel() == (caller.state == "waiting" and not caller.cancelled)
        caller.cancelled = True

    @precondition(lambda self: self.callers)
    @rule(pick=st.integers(0, 100))
    def run(self, pick: int) -> None:
        caller = self.callers[pick % len(self.callers)]
        if caller.state == "given" or caller.cancelled:
            self._run(caller)

    def _run(self, caller: _Caller) -> None:
        if not caller.cancelled:
            assert self._step(caller.entering) is None
            caller.state = "inside"
            return
        self.model.holders.discard(caller)
        self.model.waiting.discard(caller)
        self.callers = [other for other in self.callers if other is not caller]
        self.model.serve()
        with pytest.raises(asyncio.CancelledError):
            self._step(caller.entering, asyncio.CancelledError())

    def _leave(self, caller: _Caller) -> None:
        self.model.holders.remove(caller)
        self.callers = [other for other in self.callers if other is not caller]
        self.model.serve()
        leaving: Any = caller.slot.__aexit__(None, None, None)
        self._step(leaving)

    @rule()
    def succeed(self) -> None:
        if len(self.model.holders) * 2 >= self.model.slots and self.model.slots < self.CEILING:
            self.model.slots += 1
            self.model.serve()
        self._call(self.gate.succeeded)

    @rule()
    def overload(self) -> None:
        self.model.slots = max(1, self.model.slots - 1)  # a tenth of so few is less than one
        self._call(self.gate.overloaded)

    def _call(self, function: Any) -> None:
        async def call() -> None:
            function()

        self.runner.run(call())

    @invariant()
    def they_agree(self) -> None:
        assert self.gate.slots == self.model.slots
        assert self.gate.in_use == len(self.model.holders)
        assert self.gate.waiting == len(self.model.waiting)
        for position, caller in enumerate(self.model.line()):
            assert caller.places[-1] == position
        for caller in self.model.holders:
            assert caller.turn is None or caller.turn.done()


GateMachine.TestCase.settings = machine_settings()
TestGateAgainstItsModel = GateMachine.TestCase
