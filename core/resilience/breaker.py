"""Circuit breakers by name, on purgatory, with rules of their own.

Purgatory's own states close on one success, admit every probe, count cancellations, go by the wall clock and let late
results of an older state decide, and its public interface takes neither a clock nor a third outcome. So the rules here
are our own, on its public context, states, messages and listeners: N successes close; N probes at most; results of an
older generation are ignored; an injected monotonic clock; a neutral outcome counts nothing; failures of one incident
count once; every refusal is a fresh exception; a listener is called at once and cannot harm the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from purgatory import AsyncCircuitBreakerFactory, CircuitBreakerCreated, ContextChanged, Event
from purgatory.domain.model import ClosedState, Context, HalfOpenedState, OpenedState

from core.clock import Clock, InterruptibleSleep
from core.kinds import AttemptOutcome, BreakerState
from core.state.status import BreakerStatus

StateListener = Callable[[str, BreakerState, BreakerState, float | None], None]
"""Takes name, old state, new state and, if open, the monotonic time of the next try."""

_log = logging.getLogger(__name__)

_STATES: dict[str, BreakerState] = {"closed": "closed", "opened": "open", "half-opened": "half-open"}


class BreakerOpenError(Exception):
    """The breaker admits no attempt; `retry_in_seconds` is 0 while probes are in flight."""

    def __init__(self, name: str, state: BreakerState, retry_in_seconds: float) -> None:
        super().__init__(f"circuit {name} is {state}")
        self.name = name
        self.state = state
        self.retry_in_seconds = retry_in_seconds


class Permit(NamedTuple):
    """The admission of one attempt, which connects its outcome with the state that admitted it."""

    generation: int
    started_at: float
    probe: bool


class ProbingState(HalfOpenedState):
    """Half-open: `in_flight` probes are out, and `successes` have come back."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.successes = 0


class BreakerContext(Context):
    """One breaker, shared by all who use it; purgatory's messages collect in `messages` until they are published."""

    def __init__(self, name: str, threshold: int, ttl: float, *, successes_to_close: int, clock: Clock) -> None:
        super().__init__(name, threshold, ttl)
        self.generation = 0
        self.successes_to_close = successes_to_close
        self._clock = clock
        self._last_counted_at = float("-inf")
        self._open_time = InterruptibleSleep(clock)
        self._waiting: set[asyncio.Future[None]] = set()
        self._current: ClosedState | OpenedState | ProbingState = ClosedState()
        self._enter(self._current)
        self.messages = []

    @property
    def breaker_state(self) -> BreakerState:
        """The state under the name that events and statuses carry."""
        return _STATES[self.state]

    @property
    def retry_at(self) -> float | None:
        """Monotonic time of the next try; None unless open."""
        return self._current.opened_at + self.ttl if isinstance(self._current, OpenedState) else None

    @property
    def retry_in_seconds(self) -> float:
        """Time until the next try; 0 unless open."""
        return max(0.0, self.retry_at - self._clock.monotonic()) if self.retry_at is not None else 0.0

    def acquire(self) -> Permit:
        """Admit an attempt.

        Raises:
            BreakerOpenError: it may not be made now.
        """
        if isinstance(self._current, OpenedState):
            if self.retry_in_seconds > 0:
                raise BreakerOpenError(self.name, self.breaker_state, self.retry_in_seconds)
            self._enter(ProbingState())
        if isinstance(self._current, ProbingState):
            if self._is_probed_enough(self._current):
                raise BreakerOpenError(self.name, self.breaker_state, 0.0)
            self._current.in_flight += 1
        return Permit(self.generation, self._clock.monotonic(), probe=isinstance(self._current, ProbingState))

    def settle(self, permit: Permit, outcome: AttemptOutcome) -> bool:
        """Count the outcome of an admitted attempt; False if the state has changed since, and nothing was counted."""
        if permit.generation != self.generation:
            return False
        if isinstance(self._current, ProbingState):
            self._settle_probe(self._current, outcome)
        elif isinstance(self._current, ClosedState):
            self._settle_closed(self._current, permit, outcome)
        return True

    def try_now(self) -> bool:
        """Go from open to half-open before the time is up; False unless open."""
        if not isinstance(self._current, OpenedState):
            return False
        self._enter(ProbingState())
        return True

    async def wait(self) -> None:
        """Return when an attempt may be admitted: the time is up, the state has changed, or a probe has ended."""
        if self.retry_in_seconds > 0:
            await self._open_time.sleep(self.retry_in_seconds)
        elif isinstance(self._current, ProbingState) and self._is_probed_enough(self._current):
            changed = asyncio.get_running_loop().create_future()
            self._waiting.add(changed)
            try:
                await changed
            finally:
                self._waiting.discard(changed)

    def status(self) -> BreakerStatus:
        return BreakerStatus(
            name=self.name,
            state=self.breaker_state,
            failures=self.failure_count or 0,
            threshold=self.threshold,
            retry_in_seconds=self.retry_in_seconds,
        )

    def _is_probed_enough(self, probing: ProbingState) -> bool:
        return probing.in_flight + probing.successes >= self.successes_to_close

    def _settle_probe(self, probing: ProbingState, outcome: AttemptOutcome) -> None:
        probing.in_flight -= 1
        match outcome:
            case "failure":
                self._open()
            case "success":
                probing.successes += 1
                if probing.successes >= self.successes_to_close:
                    self.recover_failure()
                    self._enter(ClosedState())
            case "neutral":
                pass
        self._wake_waiting()

    def _settle_closed(self, closed: ClosedState, permit: Permit, outcome: AttemptOutcome) -> None:
        match outcome:
            case "success":
                if closed.failure_count:
                    self.recover_failure()
                closed.failure_count = 0
            case "failure":
                if closed.failure_count and permit.started_at < self._last_counted_at:
                    return  # it was under way when the last counted failure came: the same incident
                closed.failure_count += 1
                self._last_counted_at = self._clock.monotonic()
                self.mark_failure(closed.failure_count)
                if closed.failure_count >= self.threshold:
                    self._open()
            case "neutral":
                pass

    def _open(self) -> None:
        opened = OpenedState(self.name)
        opened.opened_at = self._clock.monotonic()
        self._enter(opened)

    def _enter(self, state: ClosedState | OpenedState | ProbingState) -> None:
        """Change the state; every permit that is out becomes stale."""
        self.generation += 1
        self._current = state
        self.set_state(state)
        self._wake_waiting()

    def _wake_waiting(self) -> None:
        if self._open_time.is_waiting:
            self._open_time.wake()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)


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
            # Or a cancel while a listener is slow would keep the permit for ever.
            self.context.settle(permit, "neutral")
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
        purgatory: keeps the listeners; its `add_listener` takes one for everything that happens to any breaker.
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

    def add_state_listener(
        self, listener: Callable[[str, BreakerState], None], *, on_created: Callable[[str], None] | None = None
    ) -> None:
        """Have the name and the new state of every breaker that changes handed to `listener`, whichever call caused it.

        `on_created` takes the name of a breaker that is made, closed.
        """

        def hook(name: str, _what: str, message: Event) -> None:
            if isinstance(message, ContextChanged):
                listener(name, _STATES[message.state])
            elif isinstance(message, CircuitBreakerCreated) and on_created is not None:
                on_created(name)

        self.purgatory.add_listener(hook)

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
