"""The one door to a model: takes a request, answers with a whole reply or a named fault.

A call passes the endpoint's gate, then makes attempts: each under the circuit breaker and four time limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

from core.clock import Clock
from core.errors import LLMCallError
from core.events import EventSink, Usage
from core.llm.attempt import Answer
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault
from core.llm.journey import EndpointState, Journey, Surroundings
from core.llm.pool import ClientPool
from core.llm.progress import CallProgress
from core.llm.request import CallRequest, Reply
from core.llm.tokens import estimate_prompt_tokens, estimate_tokens
from core.resilience.gate import Gate, GateFullError
from core.status import BreakerStatus, PoolStatus
from core.telemetry import metrics
from core.telemetry.logs import Level, log, log_ids

if TYPE_CHECKING:
    from core.resilience.breaker import GuardFactory
    from core.settings import Settings

DEFAULT_SLOTS = 5  # one for each specialist


class Caller:
    """Makes all calls of one engine; what calls to the same server must share, they share here."""

    def __init__(self, *, settings: Settings, pool: ClientPool, emit: EventSink, clock: Clock, random: Random) -> None:
        self._settings = settings
        self._pool = pool
        self._emit = emit
        self._clock = clock
        self._random = random
        self._states: dict[str, EndpointState] = {}
        self._travelling: dict[str, asyncio.Task[Answer]] = {}
        self._breakers: GuardFactory | None = None

    async def call(
        self,
        request: CallRequest,
        endpoint: Endpoint,
        *,
        stream_callback: Callable[[str], None] | None = None,
        refresh: Callable[[], Awaitable[Endpoint]] | None = None,
    ) -> Reply:
        """Return the whole answer of a model.

        Args:
            request: what to ask.
            endpoint: whom to ask.
            refresh: asked for the endpoint before every further attempt; for a server that may come back elsewhere.
            stream_callback: takes each piece of text as it comes, also those of attempts that fail later.

        Raises:
            LLMCallError: there is no whole answer; its kind says why.
        """
        if not self._settings.llm.stream_responses:
            request = replace(request, stream=False)
        call_id = uuid4().hex
        progress = CallProgress(request, call_id, emit=self._emit, clock=self._clock, stream_callback=stream_callback)
        state = self._state(endpoint)
        journey = Journey(request, endpoint, state, self._surroundings(), progress, refresh=refresh)
        # In a task of its own, so that one call can be ended while the one who waits for it goes on.
        travel = asyncio.create_task(self._travel(journey, state, progress), name=f"call {call_id}")
        self._travelling[call_id] = travel
        try:
            answer = await travel
        except Fault as fault:
            raise self._failed(fault, request, endpoint, progress) from None
        except GateFullError:
            raise self._failed(_fault("queue_full", endpoint), request, endpoint, progress) from None
        except Exception as bug:
            log("ERROR", "a call ended by an unexpected error", exception=bug, call_id=call_id)
            unexpected = _fault(f"bug:{type(bug).__name__}", endpoint)
            raise self._failed(unexpected, request, endpoint, progress) from bug
        except BaseException:
            progress.cancelled()
            _measure(request, endpoint, progress, "cancelled")
            waiting = asyncio.current_task()
            if travel.cancelled() and waiting is not None and not waiting.cancelling():
                stopped = _fault("cancelled", endpoint)
                raise LLMCallError(
                    stopped.kind, stopped.message, attempts=progress.attempt, partial=progress.text
                ) from None
            raise
        finally:
            del self._travelling[call_id]
        usage = _usage(answer, journey.request, progress)
        progress.finished(answer.finish_reason, usage)
        _measure(request, endpoint, progress, "ok", usage)
        return Reply(
            text=progress.text,
            finish_reason=answer.finish_reason,
            usage=usage,
            attempts=progress.attempt,
            complete=answer.finish_reason in {"stop", "tool_calls"},
            call_id=call_id,
            reasoning=progress.reasoning,
        )

    def cancel(self, call_id: str) -> bool:
        """End one call, which then raises LLMCallError of kind cancelled; False if it is not on its way."""
        travel = self._travelling.get(call_id)
        return travel is not None and travel.cancel()

    def breakers(self) -> tuple[BreakerStatus, ...]:
        """Return the state of every breaker used so far."""
        return self._breakers.statuses() if self._breakers is not None else ()

    def pool_status(self) -> PoolStatus:
        """Return how busy the connections are, all servers together."""
        stats = self._pool.stats()
        gates = [state.gate for state in self._states.values()]
        return PoolStatus(
            active_clients=stats["active_clients"],
            in_flight=sum(gate.in_use for gate in gates),
            waiting=sum(gate.waiting for gate in gates),
            slots=sum(gate.slots for gate in gates),
            total_requests=stats["total_requests"],
            success_rate=stats["success_rate"],
        )

    def _surroundings(self) -> Surroundings:
        if self._breakers is None:
            # On first need: importing purgatory takes longer than the first paint may wait.
            from core.resilience.breaker import GuardFactory

            breaker = self._settings.circuit_breaker
            self._breakers = GuardFactory(
                threshold=breaker.threshold,
                ttl_seconds=breaker.timeout,
                successes_to_close=breaker.half_open,
                clock=self._clock,
            )
        return Surroundings(self._settings, self._pool, self._breakers, self._clock, self._random)

    def _state(self, endpoint: Endpoint) -> EndpointState:
        state = self._states.get(endpoint.server_name)
        if state is None:
            slots = self._settings.llm.max_concurrency or endpoint.slots or DEFAULT_SLOTS
            state = self._states[endpoint.server_name] = EndpointState(Gate(slots))
        return state

    async def _travel(self, journey: Journey, state: EndpointState, progress: CallProgress) -> Answer:
        def queued(position: int) -> None:
            self._measure_queue()
            progress.queued(position)

        with log_ids(**progress.log_ids):
            try:
                async with state.gate.slot(queued):
                    self._measure_queue()
                    return await journey.run()
            finally:
                self._measure_queue()

    def _measure_queue(self) -> None:
        metrics.gauge("queue.depth", sum(state.gate.waiting for state in self._states.values()))

    def _failed(self, fault: Fault, request: CallRequest, endpoint: Endpoint, progress: CallProgress) -> LLMCallError:
        if progress.attempt:
            progress.attempt_failed(fault, will_retry=False)
        progress.failed(fault)
        _measure(request, endpoint, progress, "error")
        return LLMCallError(
            fault.kind, fault.message, attempts=progress.attempt, partial=progress.text, hint=fault.hint
        )


def _fault(kind: str, endpoint: Endpoint) -> Fault:
    return Fault(kind, host=endpoint.host, model=endpoint.model)


def _usage(answer: Answer, request: CallRequest, progress: CallProgress) -> Usage:
    if answer.usage is not None:
        return Usage(answer.usage.input_tokens, answer.usage.output_tokens)
    return Usage(
        estimate_prompt_tokens(request.messages), estimate_tokens(progress.text + progress.reasoning), estimated=True
    )


def _measure(
    request: CallRequest, endpoint: Endpoint, progress: CallProgress, outcome: str, usage: Usage | None = None
) -> None:
    agent = {"agent": request.agent_id}
    tags = {**agent, "model": endpoint.model}
    metrics.increment("llm.requests", tags={**tags, "outcome": outcome})
    duration_ms = progress.duration_seconds * 1000
    metrics.timing("llm.request", duration_ms, tags={**tags, "outcome": outcome})
    with log_ids(**progress.log_ids):
        level: Level = "WARNING" if outcome == "error" else "INFO"
        log(
            level,
            "call ended",
            outcome=outcome,
            attempts=progress.attempt,
            duration_ms=duration_ms,
            model=endpoint.model,
        )
    if progress.first_token_seconds is not None:
        metrics.timing("llm.first_token", progress.first_token_seconds * 1000, tags=tags)
    if usage is not None:
        estimated = "true" if usage.estimated else "false"
        for direction, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            metrics.increment("llm.tokens", count, tags={**agent, "direction": direction, "estimated": estimated})
