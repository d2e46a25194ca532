"""The waits before an attempt: for the circuit breaker, for a pause the server asked for, and for our own rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.llm.call.call_events import CallEvents
from core.llm.call.shared import CallDeps, RouteEntry
from core.llm.faults import Fault
from core.llm.servers.facts import is_healthy, is_reachable
from core.llm.servers.state import PROBE_EVERY_SECONDS
from core.resilience.interruptible_sleep import InterruptibleSleep

if TYPE_CHECKING:
    from core.resilience.breaker import Breaker
    from core.resilience.breaker_state import Permit

POLL_SECONDS = 2.0  # others may have changed the breaker meanwhile
POLL_JITTER_SECONDS = 1.0
SHORTEST_WAIT_SECONDS = 0.001  # what is left of a sum of waits may be too little for a clock to move


class AdmissionWaits:
    """The way of one call's attempts to one server; every wait is told, can be cancelled and can be cut short."""

    def __init__(self, target: RouteEntry, deps: CallDeps, progress: CallEvents, sleeper: InterruptibleSleep) -> None:
        self._target = target
        self._state = target.state
        self._probe = deps.probe(target.endpoint)
        self._pool = deps.pool
        self._clock = deps.clock
        self._random = deps.random
        self._rules = deps.settings.circuit_breaker
        self._progress = progress
        self._sleeper = sleeper
        self._waited_seconds = 0.0  # for a breaker or a server, all attempts of the call together

    async def back_off(self, seconds: float) -> None:
        """Wait before the next attempt; somebody who cuts it short also ends the pause that the server asked for."""
        if await self._sleeper.sleep(seconds):
            self._state.paused_until = float("-inf")

    async def wait_out_pause(self) -> None:
        """Return when the server takes requests again, as far as it has said."""
        while (left := self._state.paused_until - self._clock.monotonic()) > SHORTEST_WAIT_SECONDS:
            self._progress.waiting("rate_limit", self._state.paused_until)
            await self.back_off(left)

    async def wait_for_server(self) -> bool:
        """Return when a server that was lost can be reached again, or True when the user wants a try before that.

        Raises:
            Fault: unavailable, when the call has waited long enough.
        """
        counted_at = self._clock.monotonic()
        while not await is_reachable(self._pool, self._target.endpoint):
            # To ask may take as long as to sleep: both are a wait.
            now = self._clock.monotonic()
            self._waited_seconds += now - counted_at
            counted_at = now
            left_seconds = self._seconds_left()
            self._progress.waiting("server", now + left_seconds)
            if await self._sleeper.sleep(min(PROBE_EVERY_SECONDS, left_seconds)):
                return True
        return False

    async def own_rate(self, tokens: int) -> None:
        """Return when a request of this size keeps to the limits that the user has set."""
        await self._state.limiter.acquire(
            tokens, sleep=self._sleeper.sleep, on_wait=lambda until: self._progress.waiting("own_rate", until)
        )

    async def ticket(self, breaker: Breaker, *, may_wait: bool) -> Permit:
        """Return the breaker's admission of one attempt.

        Raises:
            Fault: breaker_open if it refuses and nobody shall wait; unavailable when the call has waited long enough.
        """
        from core.resilience.breaker_state import BreakerOpenError

        while True:
            try:
                return await breaker.acquire()
            except BreakerOpenError as refused:
                retry_in_seconds = refused.retry_in_seconds
            if not may_wait or self._rules.when_open == "fail":
                raise Fault(
                    "breaker_open",
                    self._target.endpoint,
                    detail=f"next try in {retry_in_seconds:.0f} s" if retry_in_seconds else "",
                )
            left_seconds = self._seconds_left()
            began_at = self._clock.monotonic()
            if retry_in_seconds > 0:
                await self._wait_while_open(breaker, min(retry_in_seconds, left_seconds), retry_in_seconds)
            else:
                self._progress.waiting("breaker", None)
                await breaker.wait()
            self._waited_seconds += self._clock.monotonic() - began_at

    async def _wait_while_open(self, breaker: Breaker, at_most_seconds: float, retry_in_seconds: float) -> None:
        now = self._clock.monotonic()
        self._progress.waiting("breaker", now + retry_in_seconds)
        poll_seconds = POLL_SECONDS + self._random.uniform(0.0, POLL_JITTER_SECONDS)
        if await self._sleeper.sleep(max(SHORTEST_WAIT_SECONDS, min(at_most_seconds, poll_seconds))):
            await breaker.try_now()
        elif self._probe.claim(self._clock.monotonic()) and await is_healthy(
            self._pool, self._target.endpoint, self._state.facts
        ):
            self._probe.has_spoken = True
            await breaker.try_now()

    def _seconds_left(self) -> float:
        left_seconds = self._rules.max_wait - self._waited_seconds
        if left_seconds < SHORTEST_WAIT_SECONDS:
            raise Fault("unavailable", self._target.endpoint, detail=f"waited {self._rules.max_wait:g} s for it")
        return left_seconds
