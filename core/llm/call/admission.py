"""The waits before an attempt: for the breaker, for a server that is away, for a pause it asked for, for our own rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.clock import InterruptibleSleep
from core.llm.call.call_events import CallEvents
from core.llm.call.services import CallServices, RouteEndpoint
from core.llm.faults import Fault
from core.llm.servers.facts import is_healthy, is_reachable
from core.llm.servers.state import PROBE_EVERY_SECONDS

if TYPE_CHECKING:
    from core.resilience.breaker import Breaker, Permit

LOADING_POLL_SECONDS = 1.0
MAX_LOADING_SECONDS = 600.0
POLL_SECONDS = 2.0  # others may have changed the breaker meanwhile
POLL_JITTER_SECONDS = 1.0
SHORTEST_WAIT_SECONDS = 0.001  # what is left of a sum of waits may be too little for a clock to move


class AdmissionWaits:
    """The waits of one call for one server; listeners are told of each, and each can be cancelled and cut short."""

    def __init__(
        self, route: RouteEndpoint, services: CallServices, events: CallEvents, sleeper: InterruptibleSleep
    ) -> None:
        self._route = route
        self._server = route.state
        self._probe = services.servers.probe(route.endpoint)
        self._pool = services.pool
        self._clock = services.clock
        self._random = services.random
        self._breaker_settings = services.settings.circuit_breaker
        self._events = events
        self._sleeper = sleeper
        self._loading_since: float | None = None
        self._waited_seconds = 0.0  # for a breaker or a server, all attempts of the call together

    async def back_off(self, seconds: float) -> None:
        """Wait before the next attempt; whoever wakes it early also ends the pause that the server has asked for."""
        if await self._sleeper.sleep(seconds):
            self._server.paused_until = float("-inf")

    async def wait_out_pause(self) -> None:
        """Return when the server takes requests again, as far as it has said."""
        while (left := self._server.paused_until - self._clock.monotonic()) > SHORTEST_WAIT_SECONDS:
            self._events.waiting("rate_limit", self._server.paused_until)
            await self.back_off(left)

    async def wait_for_server(self) -> bool:
        """Return when a server that was lost can be reached again, or True when the user wants an attempt before that.

        Raises:
            Fault: unavailable, when the call has waited long enough.
        """
        counted_at = self._clock.monotonic()
        while not await is_reachable(self._pool, self._route.endpoint):
            # The probe may take as long as the sleep: both count as waiting.
            now = self._clock.monotonic()
            self._waited_seconds += now - counted_at
            counted_at = now
            left_seconds = self._seconds_left()
            self._events.waiting("server", now + left_seconds)
            if await self._sleeper.sleep(min(PROBE_EVERY_SECONDS, left_seconds)):
                return True
        return False

    async def wait_for_loading(self, fault: Fault) -> None:
        """Wait a moment for a server that loads its model.

        Raises:
            Fault: unavailable, when it has been loading for too long.
        """
        now = self._clock.monotonic()
        if self._loading_since is None:
            self._loading_since = now
            self._server.was_away = True
        if now - self._loading_since >= MAX_LOADING_SECONDS:
            raise Fault("unavailable", self._route.endpoint, detail=fault.message) from None
        self._events.attempt_failed(fault, will_retry=True, wait_seconds=LOADING_POLL_SECONDS)
        await self.back_off(LOADING_POLL_SECONDS)

    async def own_rate(self, tokens: int) -> None:
        """Return when a request of this size keeps to the limits that the user has set."""
        if self._server.limiter is not None:
            await self._server.limiter.acquire(
                tokens, sleep=self._sleeper.sleep, on_wait=lambda until: self._events.waiting("own_rate", until)
            )

    async def permit(self, breaker: Breaker, *, may_wait: bool) -> Permit:
        """Return the breaker's admission of one attempt.

        Raises:
            Fault: breaker_open if it admits none and the call may not wait; unavailable when the call has waited long enough.
        """
        from core.resilience.breaker import BreakerOpenError

        while True:
            try:
                return await breaker.acquire()
            except BreakerOpenError as refused:
                retry_in_seconds = refused.retry_in_seconds
            if not may_wait or self._breaker_settings.when_open == "fail":
                raise Fault(
                    "breaker_open",
                    self._route.endpoint,
                    detail=f"next try in {retry_in_seconds:.0f} s" if retry_in_seconds else "",
                )
            left_seconds = self._seconds_left()
            began_at = self._clock.monotonic()
            if retry_in_seconds > 0:
                await self._wait_while_open(breaker, min(retry_in_seconds, left_seconds), retry_in_seconds)
            else:
                self._events.waiting("breaker", None)
                await breaker.wait()
            self._waited_seconds += self._clock.monotonic() - began_at

    async def _wait_while_open(self, breaker: Breaker, at_most_seconds: float, retry_in_seconds: float) -> None:
        now = self._clock.monotonic()
        self._events.waiting("breaker", now + retry_in_seconds)
        poll_seconds = POLL_SECONDS + self._random.uniform(0.0, POLL_JITTER_SECONDS)
        if await self._sleeper.sleep(max(SHORTEST_WAIT_SECONDS, min(at_most_seconds, poll_seconds))):
            await breaker.try_now()
        elif self._probe.claim(self._clock.monotonic()) and await is_healthy(
            self._pool, self._route.endpoint, self._server.facts
        ):
            self._probe.has_reported_health = True
            await breaker.try_now()

    def _seconds_left(self) -> float:
        left_seconds = self._breaker_settings.max_wait - self._waited_seconds
        if left_seconds < SHORTEST_WAIT_SECONDS:
            raise Fault(
                "unavailable", self._route.endpoint, detail=f"waited {self._breaker_settings.max_wait:g} s for it"
            )
        return left_seconds
