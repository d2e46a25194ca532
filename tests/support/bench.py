"""Everything one call needs, around a fault server: pool, caller, virtual clock and a recorder of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from core.errors import LLMCallError
from core.llm.caller import Caller
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.pool import ClientPool
from core.llm.request import CallRequest, ChatMessage, Reply
from core.settings import CircuitBreakerSettings, LLMSettings, Settings
from tests.support.clock import VirtualClock
from tests.support.events import Recorder
from tests.support.fault_server import FaultServer

MODEL = "test-model"


@dataclass(slots=True)
class Bench:
    """A caller with all its surroundings; `configure` makes a new caller on the same server and pool."""

    server: FaultServer
    pool: ClientPool
    clock: VirtualClock = field(default_factory=VirtualClock)
    recorder: Recorder = field(default_factory=Recorder)
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.configure()

    def configure(self, *, breaker: dict[str, Any] | None = None, **llm: Any) -> None:
        """Start over with other settings: `llm` and `breaker` hold fields of their sections."""
        settings = Settings(llm=LLMSettings(**llm), circuit_breaker=CircuitBreakerSettings(**(breaker or {})))
        self.recorder.events.clear()
        self.server.journal.clear()
        self.clock.sleeps.clear()
        self.caller = Caller(
            settings=settings,
            pool=self.pool,
            emit=self.recorder,
            clock=self.clock,
            random=Random(7),  # noqa: S311 - reproducible, not secret
        )

    def endpoint(self, **changes: Any) -> Endpoint:
        return make_endpoint(**{"base_url": self.server.base_url, "model": MODEL, **changes})

    async def call(
        self,
        text: str = "Say hello.",
        *,
        system: str = "You are terse.",
        endpoint: Endpoint | None = None,
        stream_callback: Callable[[str], None] | None = None,
        **request: Any,
    ) -> Reply:
        messages = (ChatMessage("system", system), ChatMessage("user", text))
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
        return await self.caller.call(asked, endpoint or self.endpoint(), stream_callback=stream_callback)

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


@asynccontextmanager
async def open_bench(*, manual_clock: bool = False) -> AsyncIterator[Bench]:
    """Give a bench; at the end no connection may be left open, and every call must have kept the event contract."""
    from tests.support.events import check_call_contract

    async with FaultServer() as server:
        async with ClientPool() as pool:
            bench = Bench(server, pool, VirtualClock(manual=manual_clock))
            yield bench
            check_call_contract(bench.recorder.events)
            assert pool.in_flight == 0
        assert await server.all_closed()
