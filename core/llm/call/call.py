"""One call, from its request to the end of its answer: from the cache, or from the first endpoint of its route that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

from core.clock import InterruptibleSleep
from core.errors import LLMCallError
from core.events import Usage
from core.llm.call.accounting import usage_of
from core.llm.call.attempt import Completion
from core.llm.call.cache import CachedAnswer, ResponseCache, cache_key
from core.llm.call.call_events import CallEvents
from core.llm.call.endpoint_call import EndpointCall
from core.llm.call.services import CallServices, RouteEndpoint
from core.llm.call.stream_listener import StreamCallback
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault
from core.llm.request import CallRequest, Reply
from core.llm.servers.state import OUT_OF_SERVICE_SECONDS
from core.resilience.gate import GateFullError
from core.telemetry.logs import log_ids


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call was answered, and what that took; its text is with the events."""

    finish_reason: str
    usage: Usage
    cached: bool = False


class Call:
    """One call; `run` it once, then end it with `finished`, `failed` or `cancelled`.

    Attributes:
        id: names it in its events.
        sleeper: its waits, which can be cut short.
    """

    def __init__(
        self,
        request: CallRequest,
        route: tuple[Endpoint, ...],
        services: CallServices,
        *,
        stream_callback: StreamCallback | None = None,
        refresh: Callable[[], Awaitable[Endpoint]] | None = None,
    ) -> None:
        self.id = uuid4().hex
        self.sleeper = InterruptibleSleep(services.clock)
        self._asked = request
        self._route = route
        self._services = services
        self._refresh = refresh
        self._events = CallEvents(
            request, self.id, emit=services.emit, clock=services.clock, stream_callback=stream_callback
        )
        self._endpoint_call: EndpointCall | None = None

    @property
    def agent_id(self) -> str:
        return self._asked.agent_id

    @property
    def request(self) -> CallRequest:
        """What was sent at last, perhaps shortened."""
        return self._endpoint_call.request if self._endpoint_call is not None else self._asked

    @property
    def endpoint(self) -> Endpoint:
        """Where it was sent at last."""
        return self._endpoint_call.endpoint if self._endpoint_call is not None else self._route[0]

    async def run(self) -> CallResult:
        """Return how the call was answered.

        Raises:
            Fault: no endpoint gives a whole answer.
        """
        with log_ids(**self._events.log_ids):
            cache = self._services.cache
            key = cache_key(self._asked, self._route[0]) if cache is not None else None
            if cache is not None and key is not None and (result := await self._from_cache(cache, key)) is not None:
                return result
            completion = await self._from_route()
            await self._services.accounting.load_price(self.endpoint)
            result = CallResult(completion.finish_reason, usage_of(completion, self.request, self._events))
            if cache is not None and key is not None:
                await self._keep(cache, key, result)
            return result

    def finished(self, result: CallResult) -> Reply:
        """Emit and count the end of an answered call, and return its reply."""
        events = self._events
        events.finished(result.finish_reason, result.usage, cached=result.cached)
        self._services.accounting.call_ended(
            self.request, self.endpoint, events, "ok", result.usage, cached=result.cached
        )
        return Reply(
            text=events.text,
            finish_reason=result.finish_reason,
            usage=result.usage,
            attempts=events.attempt,
            complete=result.finish_reason in {"stop", "tool_calls"},
            call_id=self.id,
            reasoning=events.reasoning,
            cached=result.cached,
        )

    def failed(self, fault: Fault) -> LLMCallError:
        """Emit and count the end of a call that has failed, and return its error."""
        self._events.attempt_failed(fault, will_retry=False)
        self._events.failed(fault)
        self._services.accounting.call_ended(self.request, self.endpoint, self._events, "error")
        return self._error(fault, hint=fault.hint)

    def cancelled(self) -> LLMCallError:
        """Emit and count the end of a call that was cancelled, and return its error."""
        self._events.cancelled()
        self._services.accounting.call_ended(self.request, self.endpoint, self._events, "cancelled")
        return self._error(Fault("cancelled", self.endpoint))

    def _error(self, fault: Fault, hint: str = "") -> LLMCallError:
        return LLMCallError(
            fault.kind, fault.message, attempts=self._events.attempt, partial=self._events.text, hint=hint
        )

    async def _from_cache(self, cache: ResponseCache, key: str) -> CallResult | None:
        """Replay an answer given before through the same events as a fresh one; None if there is none."""
        answer = await cache.get(key)
        self._services.accounting.cache_asked(answered=answer is not None)
        if answer is None:
            return None
        self._events.start_attempt(self.endpoint)
        self._events.replayed(answer.text, answer.reasoning)
        usage = Usage(answer.input_tokens, answer.output_tokens, answer.estimated)
        return CallResult(answer.finish_reason, usage, cached=True)

    async def _keep(self, cache: ResponseCache, key: str, result: CallResult) -> None:
        """Put a whole answer into the cache, if the first choice has given it to the whole request."""
        if result.finish_reason != "stop" or self._endpoint_call is None or not self._endpoint_call.is_as_asked:
            return
        kept = CachedAnswer(
            text=self._events.text,
            reasoning=self._events.reasoning,
            finish_reason=result.finish_reason,
            input_tokens=result.usage.input_tokens,
            output_tokens=result.usage.output_tokens,
            estimated=result.usage.estimated,
        )
        await cache.put(key, kept)

    async def _from_route(self) -> Completion:
        """Send the request to the endpoints of the route, one after the other, as long as no token has come."""
        services = self._services
        in_service = tuple(endpoint for endpoint in self._route if not services.servers.is_out_of_service(endpoint))
        route = in_service or self._route[-1:]
        for place, endpoint in enumerate(route):
            others = route[place + 1 :]
            state = await services.servers.of(endpoint)
            is_first = endpoint is self._route[0]
            try:
                return await self._from_endpoint(
                    RouteEndpoint(endpoint, state, not is_first, others, self._refresh if is_first else None)
                )
            except Fault as fault:
                if not others or not fault.rule.fallback_may_help or self._events.has_received:
                    raise
                if fault.rule.lasts:
                    state.model(endpoint.model).out_of_service_until = (
                        services.clock.monotonic() + OUT_OF_SERVICE_SECONDS
                    )
                self._events.attempt_failed(fault, will_retry=True)
                services.accounting.fell_back(self._asked, fault, others[0])
                self._events.fell_back(fault, others[0])
        raise AssertionError("a route has at least one endpoint")

    async def _from_endpoint(self, route: RouteEndpoint) -> Completion:
        """Send the request to one endpoint, when its server has a slot for it."""
        servers = self._services.servers
        self._endpoint_call = endpoint_call = EndpointCall(
            self.request, route, self._services, self._events, self.sleeper
        )
        try:
            asked = self._asked
            async with route.state.gate.slot(self._queued, priority=asked.priority, caller=asked.agent_id):
                self._count_queue()
                completion = await endpoint_call.run()
        except GateFullError:
            raise Fault("queue_full", route.endpoint) from None
        finally:
            self._count_queue()
        if route.state.was_away:
            await servers.learn_again(endpoint_call.endpoint)
        return completion

    def _queued(self, position: int) -> None:
        self._count_queue()
        self._events.queued(position)

    def _count_queue(self) -> None:
        self._services.accounting.queue_changed(sum(state.gate.waiting for state in self._services.servers.all()))
