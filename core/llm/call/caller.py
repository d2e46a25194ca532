"""The entry to a model: takes a request, and returns a whole reply or raises one named error.

What an engine's calls share is here, and the list of those that are under way. One call is in call.py, its attempts at
one endpoint are in endpoint_call.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from core.clock import Clock
from core.events import EventSink
from core.kinds import bug_kind
from core.llm.call.accounting import CallAccounting
from core.llm.call.cache import ResponseCache
from core.llm.call.call import Call, CallResult
from core.llm.call.services import CallServices
from core.llm.call.stream_listener import StreamCallback, StreamCallbackError
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault
from core.llm.http.pool import ClientPool
from core.llm.request import CallRequest, Reply
from core.llm.servers.state import ServerStates
from core.resilience.retry import RetryBudget
from core.spending.costs import Ledger
from core.state.status import BreakerStatus, PoolStatus

if TYPE_CHECKING:
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class _ActiveCall:
    """A call that is under way, and the task in which it runs."""

    call: Call
    task: asyncio.Task[CallResult]

    @property
    def is_cancelled_alone(self) -> bool:
        """Whether the call was cancelled, but not the task that waits for it."""
        waiting = asyncio.current_task()
        return self.task.cancelled() and waiting is not None and not waiting.cancelling()


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
        self._accounting = CallAccounting(settings.pricing)
        self._active_calls: dict[str, _ActiveCall] = {}
        self._services: CallServices | None = None

    @property
    def ledger(self) -> Ledger:
        """What its calls have cost."""
        return self._accounting.ledger

    async def call(
        self,
        request: CallRequest,
        endpoint: Endpoint,
        *,
        fallbacks: tuple[Endpoint, ...] = (),
        stream_callback: StreamCallback | None = None,
        refresh: Callable[[], Awaitable[Endpoint]] | None = None,
    ) -> Reply:
        """Return the whole answer of a model.

        Args:
            request: what to send.
            endpoint: where to send it first.
            fallbacks: where to send it, in this order, when the endpoint cannot answer and has not begun to.
            stream_callback: takes each piece of text as it comes, also those of attempts that fail later; with a second
                parameter, `restarted`, it is told when the text so far is void. What it raises ends the call.
            refresh: gives the endpoint anew before every further attempt; for a server that may come back elsewhere.

        Raises:
            LLMCallError: there is no whole answer; its kind says why.
            UsageError: the stream callback is async, or no function.
        """
        if not self._settings.llm.stream_responses:
            request = replace(request, stream=False)
        services = self._shared_services()
        call = Call(request, (endpoint, *fallbacks), services, stream_callback=stream_callback, refresh=refresh)
        # In a task of its own, so that one call can be ended while the task that waits for it goes on.
        task = asyncio.create_task(call.run(), name=f"call {call.id}")
        self._active_calls[call.id] = active = _ActiveCall(call, task)
        try:
            result = await task
        except Fault as fault:
            raise call.failed(fault) from None
        except StreamCallbackError as raised:
            call.cancelled()
            raise raised.error from None
        except Exception as bug:
            unexpected = Fault(bug_kind(bug), call.endpoint)
            self._accounting.call_broke(call.request, unexpected, bug, call.id)
            raise call.failed(unexpected) from bug
        except BaseException:
            cancelled = call.cancelled()
            if active.is_cancelled_alone:
                raise cancelled from None
            raise
        finally:
            del self._active_calls[call.id]
        return call.finished(result)

    def cancel(self, call_id: str) -> bool:
        """End one call, which then raises LLMCallError of kind cancelled; False if it is not under way."""
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
            active.call.sleeper.wake()
            for active in list(self._active_calls.values())
            if agent_id is None or active.call.agent_id == agent_id
        )

    def breakers(self) -> tuple[BreakerStatus, ...]:
        """Return the state of every breaker used so far."""
        return self._services.breakers.statuses() if self._services is not None else ()

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

    def _shared_services(self) -> CallServices:
        if self._services is None:
            # On first need: importing purgatory takes longer than the first paint may wait.
            from core.resilience.breaker import BreakerFactory

            breaker = self._settings.circuit_breaker
            breakers = BreakerFactory(
                threshold=breaker.threshold,
                ttl_seconds=breaker.timeout,
                successes_to_close=breaker.half_open,
                clock=self._clock,
            )
            breakers.add_state_listener(self._accounting.breaker_changed, on_created=self._accounting.breaker_created)
            self._services = CallServices(
                settings=self._settings,
                pool=self._pool,
                servers=self._servers,
                breakers=breakers,
                retry_budget=RetryBudget.for_team(
                    self._settings.team.max_concurrent_agents, self._settings.llm.max_retries
                ),
                accounting=self._accounting,
                cache=self._cache,
                emit=self._emit,
                clock=self._clock,
                random=self._random,
            )
        return self._services
