"""Everything one call needs, around a fault server: pool, caller, virtual clock and a recorder of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from core.errors import LLMCallError
from core.events import Event
from core.llm.call.cache import ResponseCache
from core.llm.call.caller import Caller
from core.llm.call.stream_listener import StreamCallback
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.http.pool import ClientPool
from core.llm.request import CallRequest, ChatMessage, Reply
from core.settings import CircuitBreakerSettings, LLMSettings, Settings
from core.telemetry import metrics
from core.telemetry.metrics.registry import Registry
from tests.support.clock import VirtualClock
from tests.support.events import Recorder, check_accounts, check_call_contract
from tests.support.fault_server import FaultServer

MODEL = "test-model"
CLOSES_WITHIN_SECONDS = 30.0


@dataclass(slots=True)
class CallHarness:
    """A caller with all that it needs; `configure` makes a new caller on the same server and pool.

    Attributes:
        recorder: the events that a test looks at, and may clear.
        metrics: the registry of all calls made through this harness since it was configured.
        cache: what its caller answers from; None without one.
    """

    server: FaultServer
    pool: ClientPool
    clock: VirtualClock = field(default_factory=VirtualClock)
    recorder: Recorder = field(default_factory=Recorder)
    metrics: Registry = field(init=False)
    caller: Caller = field(init=False)
    cache: ResponseCache | None = None
    _emitted: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start_over()

    def configure(
        self, *, breaker: dict[str, Any] | None = None, cache: ResponseCache | None = None, **llm: Any
    ) -> None:
        """Start over with other settings: `llm` and `breaker` hold fields of their sections; a cache given once stays."""
        self.check()
        self.cache = cache or self.cache
        self._start_over(breaker, **llm)

    def emit(self, event: Event) -> None:
        self._emitted.append(event)
        self.recorder(event)

    def check(self) -> None:
        """Assert what holds whenever no call is under way: the contract, the accounts, and that nothing is still held."""
        check_call_contract(self._emitted)
        check_accounts(self._emitted, self.metrics)
        status = self.caller.pool_status()
        assert (status.in_flight, status.waiting) == (0, 0), "a slot is still held or waited for"
        assert self.pool.in_flight == 0, "a client is still leased"
        assert self._probes_in_flight() == 0, "a permit of a half-open breaker is still held"
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("call ")], "a call goes on"

    def endpoint(self, **changes: Any) -> Endpoint:
        return make_endpoint(**{"base_url": self.server.base_url, "model": MODEL, **changes})

    async def call(
        self,
        text: str = "Say hello.",
        *,
        system: str = "You are terse.",
        endpoint: Endpoint | None = None,
        fallbacks: tuple[Endpoint, ...] = (),
        stream_callback: StreamCallback | None = None,
        **request: Any,
    ) -> Reply:
        messages = (ChatMessage.of_text("system", system), ChatMessage.of_text("user", text))
        asked = CallRequest(
            **{
                "messages": messages,
                "run_id": "run",
                "correlation_id": "corr",
                "agent_id": "developer",
                "task_id": "task",
                **request,
            }
        )
        with metrics.use_registry(self.metrics):
            return await self.caller.call(
                asked, endpoint or self.endpoint(), fallbacks=fallbacks, stream_callback=stream_callback
            )

    async def fail(self, text: str = "Say hello.", **request: Any) -> LLMCallError:
        """Make a call that must fail, and return its error."""
        try:
            reply = await self.call(text, **request)
        except LLMCallError as error:
            return error
        raise AssertionError(f"the call was answered: {reply.text!r}")

    @property
    def counted_failures(self) -> int:
        """Failures the breaker counts now."""
        return sum(status.failures for status in self.caller.breakers())

    @property
    def breaker_states(self) -> list[str]:
        return [status.state for status in self.caller.breakers()]

    def _start_over(self, breaker: dict[str, Any] | None = None, **llm: Any) -> None:
        settings = Settings(llm=LLMSettings(**llm), circuit_breaker=CircuitBreakerSettings(**(breaker or {})))
        self._emitted.clear()
        self.recorder.events.clear()
        self.server.journal.clear()
        self.clock.sleeps.clear()
        self.metrics = Registry()
        self.caller = Caller(
            settings=settings,
            pool=self.pool,
            emit=self.emit,
            clock=self.clock,
            random=Random(7),  # noqa: S311 - reproducible, not secret
            cache=self.cache,
        )

    def _probes_in_flight(self) -> int:
        services = self.caller._services
        if services is None:
            return 0
        states = [context._state for context in services.breakers._contexts.values()]
        return sum(getattr(state, "in_flight", 0) for state in states)


@asynccontextmanager
async def open_call_harness(*, manual_clock: bool = False) -> AsyncIterator[CallHarness]:
    """Give a harness; at its end every call must have kept the contract, been counted, and let go of everything."""
    async with FaultServer() as server:
        async with ClientPool() as pool:
            harness = CallHarness(server, pool, VirtualClock(manual=manual_clock))
            yield harness
            harness.check()
        async with asyncio.timeout(CLOSES_WITHIN_SECONDS):
            assert await server.all_closed()
