"""The state of one circuit breaker, and the rules by which it changes.

Purgatory closes on one success, admits every probe, counts cancellations, trusts the wall clock and lets late results
of an older state decide. These states keep its own and replace those rules: N successes close; N probes at most;
results of an older generation are ignored; monotonic injected clock; a neutral outcome counts nothing.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from purgatory.domain.model import ClosedState, Context, HalfOpenedState, OpenedState, State

from core.clock import Clock
from core.kinds import BreakerState
from core.resilience.interruptible_sleep import InterruptibleSleep
from core.resilience.outcome import Outcome
from core.status import BreakerStatus

STATE_NAMES: dict[str, BreakerState] = {"closed": "closed", "opened": "open", "half-opened": "half-open"}


class BreakerOpenError(Exception):
    """The breaker let nothing through; `retry_in_seconds` is 0 while probes are under way."""

    def __init__(self, name: str, state: BreakerState, retry_in_seconds: float) -> None:
        super().__init__(f"circuit {name} is {state}")
        self.name = name
        self.state = state
        self.retry_in_seconds = retry_in_seconds


class Permit(NamedTuple):
    """AdmissionWaits of one attempt."""

    generation: int
    started_at: float
    probe: bool


class OpenState(OpenedState):
    """Open since a moment of the injected clock."""

    def __init__(self, circuit_name: str, opened_at: float) -> None:
        super().__init__(circuit_name)
        self.opened_at = opened_at


class HalfOpenState(HalfOpenedState):
    """Trying whether the other side is back."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.successes = 0


class BreakerContext(Context):
    """The state of one breaker, shared by all who use it; tickets connect an outcome with its admission."""

    def __init__(self, name: str, threshold: int, ttl: float, *, successes_to_close: int, clock: Clock) -> None:
        super().__init__(name, threshold, ttl)
        self.generation = 0
        self.successes_to_close = successes_to_close
        self._clock = clock
        self._last_counted_at = float("-inf")
        self._open_time = InterruptibleSleep(clock)
        self._waiting: set[asyncio.Future[None]] = set()

    def acquire(self) -> Permit:
        """Admit an attempt.

        Raises:
            BreakerOpenError: it may not be made now.
        """
        now = self._clock.monotonic()
        if isinstance(self._state, OpenedState):
            retry_in = self.retry_in_seconds
            if retry_in > 0:
                raise BreakerOpenError(self.name, STATE_NAMES[self.state], retry_in)
            self.set_state(HalfOpenState())
        if isinstance(self._state, HalfOpenState):
            if self._is_probed_enough(self._state):
                raise BreakerOpenError(self.name, STATE_NAMES[self.state], 0.0)
            self._state.in_flight += 1
            return Permit(self.generation, now, probe=True)
        return Permit(self.generation, now, probe=False)

    def settle(self, ticket: Permit, outcome: Outcome) -> bool:
        """Count what became of an admitted attempt; False if the state has changed since, and nothing was counted."""
        if ticket.generation != self.generation:
            return False
        if isinstance(self._state, HalfOpenState):
            self._settle_probe(self._state, outcome)
        elif isinstance(self._state, ClosedState):
            self._settle_closed(self._state, ticket, outcome)
        return True

    def try_now(self) -> bool:
        """Let probes through before their time, on the word of somebody who has looked; False unless open."""
        if not isinstance(self._state, OpenedState):
            return False
        self.set_state(HalfOpenState())
        return True

    def _is_probed_enough(self, state: HalfOpenState) -> bool:
        return state.in_flight + state.successes >= self.successes_to_close

    def _settle_probe(self, state: HalfOpenState, outcome: Outcome) -> None:
        state.in_flight -= 1
        if outcome == "failure":
            self._open()
        elif outcome == "success":
            state.successes += 1
            if state.successes >= self.successes_to_close:
                self.recover_failure()
                self.set_state(ClosedState())
        self._notify()

    def _settle_closed(self, state: ClosedState, ticket: Permit, outcome: Outcome) -> None:
        if outcome == "success":
            if state.failure_count:
                self.recover_failure()
            state.failure_count = 0
        elif outcome == "failure":
            if state.failure_count and ticket.started_at < self._last_counted_at:
                return  # cut by the same incident as the failure before it
            state.failure_count += 1
            self._last_counted_at = self._clock.monotonic()
            self.mark_failure(state.failure_count)
            if state.failure_count >= self.threshold:
                self._open()

    def set_state(self, state: State) -> None:
        """Enter a state; every ticket that is out becomes stale."""
        self.generation += 1
        super().set_state(state)
        self._notify()

    @property
    def retry_in_seconds(self) -> float:
        """Time until the next try; 0 unless open."""
        if not isinstance(self._state, OpenedState):
            return 0.0
        return max(0.0, self._state.opened_at + self.ttl - self._clock.monotonic())

    @property
    def retry_at(self) -> float | None:
        """Monotonic time of the next try; None unless open."""
        return self._state.opened_at + self.ttl if isinstance(self._state, OpenedState) else None

    async def wait(self) -> None:
        """Return when it makes sense to ask again: the time is up, the state has changed, or a probe has ended."""
        if self.retry_in_seconds > 0:
            await self._open_time.sleep(self.retry_in_seconds)
        elif isinstance(self._state, HalfOpenState) and self._is_probed_enough(self._state):
            changed = asyncio.get_running_loop().create_future()
            self._waiting.add(changed)
            try:
                await changed
            finally:
                self._waiting.discard(changed)

    def status(self) -> BreakerStatus:
        return BreakerStatus(
            name=self.name,
            state=STATE_NAMES[self.state],
            failures=self.failure_count or 0,
            threshold=self.threshold,
            retry_in_seconds=self.retry_in_seconds,
        )

    def _open(self) -> None:
        self.set_state(OpenState(self.name, self._clock.monotonic()))

    def _notify(self) -> None:
        if self._open_time.is_waiting:
            self._open_time.wake()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
