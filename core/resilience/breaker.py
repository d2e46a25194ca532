"""A circuit breaker on purgatory's model that is honest under concurrency.

Purgatory closes on one success, admits every probe, counts cancellations, trusts the wall clock and lets late results
of an older state decide. This subclass keeps its states, messages and listeners, and replaces those rules:
N successes close; N probes at most; results of an older generation are ignored; monotonic injected clock; a neutral
outcome counts nothing; listeners hear at once and cannot harm the call; every refusal is an exception of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from purgatory.domain.messages.commands import CreateCircuitBreaker
from purgatory.domain.messages.events import CircuitBreakerCreated
from purgatory.domain.model import ClosedState, Context, ExcludeType, HalfOpenedState, OpenedState, State
from purgatory.service._async.circuitbreaker import AsyncCircuitBreaker, AsyncCircuitBreakerFactory
from purgatory.service._async.message_handlers import register_circuit_breaker
from purgatory.service._async.messagebus import AsyncMessageRegistry
from purgatory.service._async.unit_of_work import AsyncAbstractUnitOfWork, AsyncInMemoryUnitOfWork
from purgatory.typing import TTL, CircuitName, Threshold

from core.clock import Clock
from core.resilience.patience import Patience
from core.status import BreakerStatus

Outcome = Literal["success", "failure", "neutral"]
StateListener = Callable[[str, str, str, float | None], None]
"""Takes name, old state, new state and, if open, the monotonic time of the next try."""

STATE_NAMES = {"closed": "closed", "opened": "open", "half-opened": "half-open"}

_log = logging.getLogger(__name__)


class BreakerOpenError(Exception):
    """The breaker let nothing through; `retry_in_seconds` is 0 while probes are under way."""

    def __init__(self, name: str, state: str, retry_in_seconds: float) -> None:
        super().__init__(f"circuit {name} is {state}")
        self.name = name
        self.state = state
        self.retry_in_seconds = retry_in_seconds


class Ticket(NamedTuple):
    """Admission of one attempt."""

    generation: int
    started_at: float
    probe: bool


class GuardOpened(OpenedState):
    """Open since a moment of the injected clock."""

    def __init__(self, circuit_name: str, opened_at: float) -> None:
        super().__init__(circuit_name)
        self.opened_at = opened_at


class GuardHalfOpened(HalfOpenedState):
    """Trying whether the other side is back."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.successes = 0


class GuardContext(Context):
    """The state of one breaker, shared by all who use it; tickets connect an outcome with its admission."""

    def __init__(self, name: str, threshold: int, ttl: float, *, successes_to_close: int, clock: Clock) -> None:
        super().__init__(name, threshold, ttl)
        self.generation = 0
        self.successes_to_close = successes_to_close
        self._clock = clock
        self._last_counted_at = float("-inf")
        self._open_time = Patience(clock)
        self._waiting: set[asyncio.Future[None]] = set()

    def acquire(self) -> Ticket:
        """Admit an attempt.

        Raises:
            BreakerOpenError: it may not be made now.
        """
        now = self._clock.monotonic()
        if isinstance(self._state, OpenedState):
            retry_in = self.retry_in_seconds
            if retry_in > 0:
                raise BreakerOpenError(self.name, STATE_NAMES[self.state], retry_in)
            self.set_state(GuardHalfOpened())
        if isinstance(self._state, GuardHalfOpened):
            if self._is_probed_enough(self._state):
                raise BreakerOpenError(self.name, STATE_NAMES[self.state], 0.0)
            self._state.in_flight += 1
            return Ticket(self.generation, now, probe=True)
        return Ticket(self.generation, now, probe=False)

    def settle(self, ticket: Ticket, outcome: Outcome) -> bool:
        """Count what became of an admitted attempt; False if the state has changed since, and nothing was counted."""
        if ticket.generation != self.generation:
            return False
        if isinstance(self._state, GuardHalfOpened):
            self._settle_probe(self._state, outcome)
        elif isinstance(self._state, ClosedState):
            self._settle_closed(self._state, ticket, outcome)
        return True

    def try_now(self) -> bool:
        """Let probes through before their time, on the word of somebody who has looked; False unless open."""
        if not isinstance(self._state, OpenedState):
            return False
        self.set_state(GuardHalfOpened())
        return True

    def _is_probed_enough(self, state: GuardHalfOpened) -> bool:
        return state.in_flight + state.successes >= self.successes_to_close

    def _settle_probe(self, state: GuardHalfOpened, outcome: Outcome) -> None:
        state.in_flight -= 1
        if outcome == "failure":
            self._open()
        elif outcome == "success":
            state.successes += 1
            if state.successes >= self.successes_to_close:
                self.recover_failure()
                self.set_state(ClosedState())
        self._notify()

    def _settle_closed(self, state: ClosedState, ticket: Ticket, outcome: Outcome) -> None:
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
        elif isinstance(self._state, GuardHalfOpened) and self._is_probed_enough(self._state):
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
        self.set_state(GuardOpened(self.name, self._clock.monotonic()))

    def _notify(self) -> None:
        if self._open_time.is_waiting:
            self._open_time.hurry()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)


class GuardBreaker(AsyncCircuitBreaker):
    """One user's view of a shared breaker.

    As a context manager it takes every Exception for a failure, unless its type is excluded, and leaves
    cancellation uncounted; `acquire` and `settle` let the user decide.
    """

    context: GuardContext

    def __init__(
        self,
        context: GuardContext,
        uow: AsyncAbstractUnitOfWork,
        messagebus: AsyncMessageRegistry,
        on_change: StateListener | None = None,
    ) -> None:
        super().__init__(context, uow, messagebus)
        self._on_change = on_change
        self._ticket: Ticket | None = None

    async def acquire(self) -> Ticket:
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

    async def settle(self, ticket: Ticket, outcome: Outcome) -> bool:
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


class GuardFactory(AsyncCircuitBreakerFactory):
    """Makes and keeps breakers by name, all with the same rules."""

    def __init__(self, *, threshold: int, ttl_seconds: float, successes_to_close: int, clock: Clock) -> None:
        super().__init__(default_threshold=threshold, default_ttl=ttl_seconds, uow=AsyncInMemoryUnitOfWork())
        self._successes_to_close = successes_to_close
        self._clock = clock
        self._contexts: dict[str, GuardContext] = {}
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
    ) -> GuardBreaker:
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
        return GuardBreaker(context, self.uow, self.messagebus, on_change)

    def statuses(self) -> tuple[BreakerStatus, ...]:
        """Return the state of all breakers, in the order of their first use."""
        return tuple(context.status() for context in self._contexts.values())

    async def _register(self, command: CreateCircuitBreaker, uow: AsyncAbstractUnitOfWork) -> Any:  # purgatory's type
        context = GuardContext(
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
