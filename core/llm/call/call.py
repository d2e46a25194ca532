"""One call on its way: the configured endpoint first, then its fallbacks, as long as no token has come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.llm.call.attempt import Answer
from core.llm.call.call_events import CallEvents
from core.llm.call.endpoint_call import EndpointCall
from core.llm.call.shared import CallDeps, RouteEntry
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault
from core.llm.request import CallRequest
from core.llm.servers.state import OUT_SECONDS, ServerStates
from core.resilience.gate import GateFullError
from core.resilience.interruptible_sleep import InterruptibleSleep
from core.telemetry import metrics
from core.telemetry.logs import log


class Call:
    """One call; `run` once.

    Attributes:
        request: what was asked for at last, perhaps shortened.
        endpoint: who was asked at last.
        is_as_asked: the first choice was asked, and exactly what the caller wanted.
    """

    def __init__(
        self,
        request: CallRequest,
        route: tuple[Endpoint, ...],
        servers: ServerStates,
        deps: CallDeps,
        progress: CallEvents,
        sleeper: InterruptibleSleep,
        *,
        refresh: Callable[[], Awaitable[Endpoint]] | None = None,
    ) -> None:
        self._asked = request
        self._route = route
        self._servers = servers
        self._deps = deps
        self._progress = progress
        self._sleeper = sleeper
        self._refresh = refresh
        self._endpoint_call: EndpointCall | None = None

    @property
    def request(self) -> CallRequest:
        return self._endpoint_call.request if self._endpoint_call is not None else self._asked

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint_call.endpoint if self._endpoint_call is not None else self._route[0]

    @property
    def is_as_asked(self) -> bool:
        return self._endpoint_call is not None and self._endpoint_call.is_as_asked

    async def run(self) -> Answer:
        """Return how the answer ended; its text is with the progress.

        Raises:
            Fault: no endpoint gives a whole answer.
        """
        route = self._in_service()
        for place, endpoint in enumerate(route):
            others = route[place + 1 :]
            state = await self._servers.of(endpoint)
            is_first = endpoint is self._route[0]
            target = RouteEntry(endpoint, state, not is_first, others, self._refresh if is_first else None)
            try:
                return await self._at(target)
            except Fault as fault:
                if not others or not fault.rule.fallback_may_help or self._progress.has_received:
                    raise
                if fault.rule.lasts:
                    state.model(endpoint.model).out_until = self._deps.clock.monotonic() + OUT_SECONDS
                self._fall_back(fault, others[0])
        raise AssertionError("a route has at least one endpoint")

    def _in_service(self) -> tuple[Endpoint, ...]:
        """Return the route without the endpoints that have just been found useless; the last one always stays."""
        kept = tuple(endpoint for endpoint in self._route if not self._servers.is_out(endpoint))
        return kept or self._route[-1:]

    async def _at(self, target: RouteEntry) -> Answer:
        progress, gate = self._progress, target.state.gate

        def queued(position: int) -> None:
            measure_queue(self._servers)
            progress.queued(position)

        self._endpoint_call = endpoint_call = EndpointCall(self.request, target, self._deps, progress, self._sleeper)
        try:
            async with gate.slot(queued, priority=self._asked.priority):
                measure_queue(self._servers)
                answer = await endpoint_call.run()
        except GateFullError:
            raise Fault("queue_full", target.endpoint) from None
        finally:
            measure_queue(self._servers)
        if target.state.was_away:
            await self._servers.learn_again(endpoint_call.endpoint)
        return answer

    def _fall_back(self, fault: Fault, to: Endpoint) -> None:
        self._progress.attempt_failed(fault, will_retry=True)
        metrics.increment("llm.fallbacks", tags={"agent": self._asked.agent_id, "kind": fault.kind})
        log("WARNING", "fell back to another model", kind=fault.kind, model=to.model, host=to.host)
        self._progress.fell_back(fault, to)


def measure_queue(servers: ServerStates) -> None:
    """Record how many calls wait for their turn, all servers together."""
    metrics.gauge("queue.depth", sum(state.gate.waiting for state in servers.all()))
