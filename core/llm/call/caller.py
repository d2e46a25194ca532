"""The one door to a model: takes a request, answers with a whole reply or a named fault.

A call passes the endpoint's gate, then makes attempts: each under the circuit breaker and four time limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

from core.clock import Clock
from core.errors import LLMCallError
from core.events import EventSink, Usage
from core.kinds import bug_kind
from core.llm.call.accounting import CallAccounting, usage_of
from core.llm.call.cache import CachedAnswer, ResponseCache, cache_key
from core.llm.call.call import Call
from core.llm.call.call_events import CallEvents
from core.llm.call.shared import CallDeps
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault
from core.llm.http.pool import ClientPool
from core.llm.http.stream_decoder import StreamDelta
from core.llm.request import CallRequest, Reply
from core.llm.servers.state import ServerStates
from core.resilience.interruptible_sleep import InterruptibleSleep
from core.spending.ledger import Ledger
from core.status import BreakerStatus, PoolStatus
from core.telemetry import metrics
from core.telemetry.logs import log, log_ids

if TYPE_CHECKING:
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class _Whole:
    """How a whole answer ended, and what it cost; its text is with the progress."""

    finish_reason: str
    usage: Usage
    cached: bool = False


@dataclass(frozen=True, slots=True)
class _ActiveCall:
    """A call on its way: its task, and what its waits can be cut short by."""

    task: asyncio.Task[_Whole]
    sleeper: InterruptibleSleep
    agent_id: str


class Caller:
    """Makes all calls of one engine; what calls to the same server must share, they share here.

    Args:
        cache: answers given before; None asks the model every time.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        pool: ClientPool,
        emit: EventSink,
        clock: Clock,
        random: Random,
        cache: ResponseCache | None = None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._emit = emit
        self._clock = clock
        self._random = random
        self._cache = cache
        self._servers = ServerStates(settings, pool, clock)
        self._accounts = CallAccounting(settings.pricing)
        self._active_calls: dict[str, _ActiveCall] = {}
        self._deps: CallDeps | None = None

    @property
    def ledger(self) -> Ledger:
        """What its calls have cost."""
        return self._accounts.ledger

    async def call(
        self,
        request: CallRequest,
        endpoint: Endpoint,
        *,
        fallbacks: tuple[Endpoint, ...] = (),
        stream_callback: Callable[[str], None] | None = None,
        refresh: Callable[[], Awaitable[Endpoint]] | None = None,
    ) -> Reply:
        """Return the whole answer of a model.

        Args:
            request: what to ask.
            endpoint: whom to ask.
            fallbacks: whom to ask, in this order, when the endpoint cannot answer and has not begun to.
            stream_callback: takes each piece of text as it comes, also those of attempts that fail later.
            refresh: asked for the endpoint before every further attempt; for a server that may come back elsewhere.

        Raises:
            LLMCallError: there is no whole answer; its kind says why.
        """
        if not self._settings.llm.stream_responses:
            request = replace(request, stream=False)
        call_id = uuid4().hex
        progress = CallEvents(request, call_id, emit=self._emit, clock=self._clock, stream_callback=stream_callback)
        key = cache_key(request, endpoint) if self._cache is not None else None
        sleeper = InterruptibleSleep(self._clock)
        call = Call(
            request, (endpoint, *fallbacks), self._servers, self._call_deps(), progress, sleeper, refresh=refresh
        )
        # In a task of its own, so that one call can be ended while the one who waits for it goes on.
        task = asyncio.create_task(self._travel(call, progress, key), name=f"call {call_id}")
        self._active_calls[call_id] = _ActiveCall(task, sleeper, request.agent_id)
        try:
            answer = await task
        except Fault as fault:
            raise self._failed(fault, call, progress) from None
        except Exception as bug:
            log("ERROR", "a call ended by an unexpected error", exception=bug, call_id=call_id)
            unexpected = Fault(bug_kind(bug), call.endpoint)
            metrics.increment("llm.errors", tags={"agent": request.agent_id, "kind": unexpected.kind})
            raise self._failed(unexpected, call, progress) from bug
        except BaseException:
            progress.cancelled()
            self._accounts.enter(call, progress, "cancelled")
            waiting = asyncio.current_task()
            if task.cancelled() and waiting is not None and not waiting.cancelling():
                stopped = Fault("cancelled", call.endpoint)
                raise LLMCallError(
                    stopped.kind, stopped.message, attempts=progress.attempt, partial=progress.text
                ) from None
            raise
        finally:
            del self._active_calls[call_id]
        progress.finished(answer.finish_reason, answer.usage, cached=answer.cached)
        self._accounts.enter(call, progress, "ok", answer.usage, cached=answer.cached)
        return Reply(
            text=progress.text,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            attempts=progress.attempt,
            complete=answer.finish_reason in {"stop", "tool_calls"},
            call_id=call_id,
            reasoning=progress.reasoning,
            cached=answer.cached,
        )

    def cancel(self, call_id: str) -> bool:
        """End one call, which then raises LLMCallError of kind cancelled; False if it is not on its way."""
        active = self._active_calls.get(call_id)
        return active is not None and active.task.cancel()

    async def close(self) -> None:
        """End all calls, and return when they have let go of their connections."""
        tasks = [active.task for active in self._active_calls.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def wake(self, agent_id: str | None = None) -> int:
        """End what the calls of an agent, or all calls, wait for before they send again; returns how many waited."""
        return sum(
            active.sleeper.wake()
            for active in list(self._active_calls.values())
            if agent_id is None or active.agent_id == agent_id
        )

    def breakers(self) -> tuple[BreakerStatus, ...]:
        """Return the state of every breaker used so far."""
        return self._deps.breakers.statuses() if self._deps is not None else ()

    def pool_status(self) -> PoolStatus:
        """Return how busy the connections are, all servers together."""
        stats = self._pool.stats()
        gates = [state.gate for state in self._servers.all()]
        return PoolStatus(
            active_clients=stats["active_clients"],
            in_flight=sum(gate.in_use for gate in gates),
            waiting=sum(gate.waiting for gate in gates),
            slots=sum(gate.slots for gate in gates),
            total_requests=stats["total_requests"],
            success_rate=stats["success_rate"],
        )

    def _call_deps(self) -> CallDeps:
        if self._deps is None:
            # On first need: importing purgatory takes longer than the first paint may wait.
            from core.resilience.breaker import BreakerFactory

            breaker = self._settings.circuit_breaker
            breakers = BreakerFactory(
                threshold=breaker.threshold,
                ttl_seconds=breaker.timeout,
                successes_to_close=breaker.half_open,
                clock=self._clock,
            )
            self._deps = CallDeps(self._settings, self._pool, breakers, self._clock, self._random)
        return self._deps

    async def _travel(self, call: Call, progress: CallEvents, key: str | None) -> _Whole:
        with log_ids(**progress.log_ids):
            recalled = await self._recall(call, progress, key)
            if recalled is not None:
                return recalled
            answer = await call.run()
            await self._accounts.load_price(call.endpoint)
            usage = usage_of(answer, call.request, progress)
            if self._cache is not None and key is not None and answer.finish_reason == "stop" and call.is_as_asked:
                kept = CachedAnswer(
                    text=progress.text,
                    reasoning=progress.reasoning,
                    finish_reason=answer.finish_reason,
                    input_tokens=usage.input_tokens,
                    output_tokens=usage.output_tokens,
                    estimated=usage.estimated,
                )
                await self._cache.put(key, kept)
            return _Whole(answer.finish_reason, usage)

    async def _recall(self, call: Call, progress: CallEvents, key: str | None) -> _Whole | None:
        """Replay an answer given before through the same events as a fresh one; None if there is none."""
        if self._cache is None or key is None:
            return None
        cached = await self._cache.get(key)
        metrics.increment("cache.hit" if cached is not None else "cache.miss")
        if cached is None:
            return None
        progress.start_attempt(call.endpoint)
        progress.received(StreamDelta(cached.text, cached.reasoning))
        progress.ended()
        usage = Usage(cached.input_tokens, cached.output_tokens, cached.estimated)
        return _Whole(cached.finish_reason, usage, cached=True)

    def _failed(self, fault: Fault, call: Call, progress: CallEvents) -> LLMCallError:
        progress.attempt_failed(fault, will_retry=False)
        progress.failed(fault)
        self._accounts.enter(call, progress, "error")
        return LLMCallError(
            fault.kind, fault.message, attempts=progress.attempt, partial=progress.text, hint=fault.hint
        )
