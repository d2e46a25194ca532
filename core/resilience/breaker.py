"""Circuit breakers by name, whose listeners are called at once and cannot harm the call; the rules are in breaker_state.py."""

from __future__ import annotations

import logging
from collections.abc import Callable

from purgatory import AsyncCircuitBreakerFactory, CircuitBreakerCreated, Event

from core.clock import Clock
from core.kinds import AttemptOutcome, BreakerState
from core.resilience.breaker_state import BreakerContext, Permit
from core.status import BreakerStatus

StateListener = Callable[[str, BreakerState, BreakerState, float | None], None]
"""Takes name, old state, new state and, if open, the monotonic time of the next try."""

_log = logging.getLogger(__name__)


class Breaker:
    """One call's view of a shared breaker; `on_change` is called for the changes that this view causes."""

    def __init__(
        self, context: BreakerContext, purgatory: AsyncCircuitBreakerFactory, on_change: StateListener | None
    ) -> None:
        self.context = context
        self._purgatory = purgatory
        self._on_change = on_change

    async def acquire(self) -> Permit:
        """Admit an attempt.

        Raises:
            BreakerOpenError: it may not be made now.
        """
        before = self.context.breaker_state
        permit = self.context.acquire()
        try:
            await self._publish(before)
        except BaseException:
            self.context.settle(
                permit, "neutral"
            )  # or a cancel while a listener is slow would keep the permit for ever
            raise
        return permit

    async def settle(self, permit: Permit, outcome: AttemptOutcome) -> bool:
        """Count the outcome of an admitted attempt; False if the permit is stale."""
        before = self.context.breaker_state
        counted = self.context.settle(permit, outcome)
        await self._publish(before)
        return counted

    async def try_now(self) -> bool:
        """Go from open to half-open before the time is up, because the user or a health probe says so; False if not open.

        It never closes the breaker: only calls that succeed do.
        """
        before = self.context.breaker_state
        changed = self.context.try_now()
        await self._publish(before)
        return changed

    async def wait(self) -> None:
        """Return when an attempt may be admitted: the time is up, the state has changed, or a probe has ended."""
        await self.context.wait()

    async def _publish(self, before: BreakerState) -> None:
        context = self.context
        messages, context.messages = context.messages, []
        try:
            if context.breaker_state != before and self._on_change is not None:
                self._on_change(context.name, before, context.breaker_state, context.retry_at)
        except Exception:  # noqa: BLE001 - a listener's bug must not change the call's result
            _log_listener(context.name)
        for message in messages:
            await _publish(message, context.name, self._purgatory)


class BreakerFactory:
    """Makes and keeps breakers by name, all with the same rules.

    Attributes:
        purgatory: takes listeners with `add_listener`; they are called for everything that happens to any breaker.
    """

    def __init__(self, *, threshold: int, ttl_seconds: float, successes_to_close: int, clock: Clock) -> None:
        self.purgatory = AsyncCircuitBreakerFactory(default_threshold=threshold, default_ttl=ttl_seconds)
        self._successes_to_close = successes_to_close
        self._clock = clock
        self._contexts: dict[str, BreakerContext] = {}

    async def get_breaker(self, name: str, *, on_change: StateListener | None = None) -> Breaker:
        """Return a view of the named breaker, made on first use."""
        context = self._contexts.get(name)
        if context is None:
            library = self.purgatory
            context = self._contexts[name] = BreakerContext(
                name,
                library.default_threshold,
                library.default_ttl,
                successes_to_close=self._successes_to_close,
                clock=self._clock,
            )
            await _publish(CircuitBreakerCreated(name, context.threshold, context.ttl), name, library)
        return Breaker(context, self.purgatory, on_change)

    def statuses(self) -> tuple[BreakerStatus, ...]:
        """Return the state of all breakers, in the order of their first use."""
        return tuple(context.status() for context in self._contexts.values())


async def _publish(message: Event, name: str, purgatory: AsyncCircuitBreakerFactory) -> None:
    try:
        await purgatory.messagebus.handle(message, purgatory.uow)
    except Exception:  # noqa: BLE001 - a listener's bug must not change the call's result
        _log_listener(name)


def _log_listener(name: str) -> None:
    _log.exception("a listener of circuit breaker %s raised", name)
