"""A circuit breaker on purgatory's model that is honest under concurrency.

Its listeners hear at once and cannot harm the call, and every refusal is an exception of its own; when it opens and
closes is in breaker_state.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from purgatory.domain.messages.commands import CreateCircuitBreaker
from purgatory.domain.messages.events import CircuitBreakerCreated
from purgatory.domain.model import ExcludeType
from purgatory.service._async.circuitbreaker import AsyncCircuitBreaker, AsyncCircuitBreakerFactory
from purgatory.service._async.message_handlers import register_circuit_breaker
from purgatory.service._async.messagebus import AsyncMessageRegistry
from purgatory.service._async.unit_of_work import AsyncAbstractUnitOfWork, AsyncInMemoryUnitOfWork
from purgatory.typing import TTL, CircuitName, Threshold

from core.clock import Clock
from core.kinds import BreakerState
from core.resilience.breaker_state import STATE_NAMES, BreakerContext, Permit
from core.resilience.outcome import Outcome
from core.status import BreakerStatus

StateListener = Callable[[str, BreakerState, BreakerState, float | None], None]
"""Takes name, old state, new state and, if open, the monotonic time of the next try."""


_log = logging.getLogger(__name__)


class Breaker(AsyncCircuitBreaker):
    """One user's view of a shared breaker.

    As a context manager it takes every Exception for a failure, unless its type is excluded, and leaves
    cancellation uncounted; `acquire` and `settle` let the user decide.
    """

    context: BreakerContext

    def __init__(
        self,
        context: BreakerContext,
        uow: AsyncAbstractUnitOfWork,
        messagebus: AsyncMessageRegistry,
        on_change: StateListener | None = None,
    ) -> None:
        super().__init__(context, uow, messagebus)
        self._on_change = on_change
        self._ticket: Permit | None = None

    async def acquire(self) -> Permit:
        """Admit an attempt.

        Raises:
            BreakerOpenError: it may not be made now.
        """
        before = self.context.state
        ticket = self.context.acquire()
        try:
            await self._publish(before)
        except BaseException:
            self.context.settle(ticket, "neutral")  # or a cancel in a slow listener would keep the permit for ever
            raise
        return ticket

    async def settle(self, ticket: Permit, outcome: Outcome) -> bool:
        """Count what became of an admitted attempt; False if the ticket is stale."""
        before = self.context.state
        counted = self.context.settle(ticket, outcome)
        await self._publish(before)
        return counted

    async def try_now(self) -> bool:
        """Go from open to half-open before the time, because the operator or a health probe says so; False if not open.

        It never closes: only calls that succeed do.
        """
        before = self.context.state
        changed = self.context.try_now()
        await self._publish(before)
        return changed

    async def wait(self) -> None:
        """Return when it makes sense to ask again: the time is up, the state has changed, or a probe has ended."""
        await self.context.wait()

    async def __aenter__(self) -> Self:
        self._ticket = await self.acquire()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._ticket is not None:
            await self.settle(self._ticket, self._outcome_of(exc))
            self._ticket = None

    def _outcome_of(self, error: BaseException | None) -> Outcome:
        if error is None:
            return "success"
        if not isinstance(error, Exception):
            return "neutral"
        for excluded in self.context.exclude_list:
            kind, applies = excluded if isinstance(excluded, tuple) else (excluded, None)
            if isinstance(error, kind) and (applies is None or applies(error)):
                return "neutral"
        return "failure"

    async def _publish(self, before: str) -> None:
        after = self.context.state
        messages, self.context.messages = self.context.messages, []
        try:
            if after != before and self._on_change is not None:
                self._on_change(self.context.name, STATE_NAMES[before], STATE_NAMES[after], self.context.retry_at)
        except Exception:  # noqa: BLE001 - a listener's bug must not change the call's result
            self._log_listener()
        for message in messages:
            try:
                await self.messagebus.handle(message, self.uow)
            except Exception:  # noqa: BLE001 - as above
                self._log_listener()

    def _log_listener(self) -> None:
        _log.exception("a listener of circuit breaker %s raised", self.context.name)


class BreakerFactory(AsyncCircuitBreakerFactory):
    """Makes and keeps breakers by name, all with the same rules."""

    def __init__(self, *, threshold: int, ttl_seconds: float, successes_to_close: int, clock: Clock) -> None:
        super().__init__(default_threshold=threshold, default_ttl=ttl_seconds, uow=AsyncInMemoryUnitOfWork())
        self._successes_to_close = successes_to_close
        self._clock = clock
        self._contexts: dict[str, BreakerContext] = {}
        self.messagebus.remove_listener(CreateCircuitBreaker, register_circuit_breaker)
        self.messagebus.add_listener(CreateCircuitBreaker, self._register)

    async def get_breaker(
        self,
        circuit: CircuitName,
        threshold: Threshold | None = None,
        ttl: TTL | None = None,
        exclude: ExcludeType | None = None,
        *,
        on_change: StateListener | None = None,
    ) -> Breaker:
        """Return a view of the named breaker, made on first use; `on_change` hears the changes this view causes."""
        if circuit not in self._contexts:
            command = CreateCircuitBreaker(circuit, threshold or self.default_threshold, ttl or self.default_ttl)
            try:
                await self.messagebus.handle(command, self.uow)
            except Exception:
                if circuit not in self._contexts:
                    raise
                _log.exception("a listener of circuit breaker %s raised", circuit)
        context = self._contexts[circuit]
        if exclude is not None:
            context.exclude_list = [*exclude, *self.global_exclude]
        return Breaker(context, self.uow, self.messagebus, on_change)

    def statuses(self) -> tuple[BreakerStatus, ...]:
        """Return the state of all breakers, in the order of their first use."""
        return tuple(context.status() for context in self._contexts.values())

    async def _register(self, command: CreateCircuitBreaker, uow: AsyncAbstractUnitOfWork) -> Any:  # purgatory's type
        context = BreakerContext(
            command.name,
            command.threshold,
            command.ttl,
            successes_to_close=self._successes_to_close,
            clock=self._clock,
        )
        self._contexts[command.name] = context
        await uow.contexts.register(context)
        uow.contexts.messages.append(CircuitBreakerCreated(command.name, command.threshold, command.ttl))
        return context
