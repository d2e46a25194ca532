"""What calls are counted as: all their metrics, the log lines that go with them, their tokens, and what they have cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from core.events import Usage
from core.kinds import BreakerState, LogLevel
from core.llm.call.attempt import Completion
from core.llm.call.call_events import CallEvents
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault
from core.llm.request import CallRequest
from core.llm.window.tokens import estimate_prompt_tokens, estimate_tokens
from core.spending.costs import Cost, Ledger, Prices, Spent
from core.telemetry import metrics
from core.telemetry.logs import log, log_ids

if TYPE_CHECKING:
    from core.settings import PriceSettings

CallEnding = Literal["ok", "error", "cancelled"]

BREAKER_LEVELS: dict[BreakerState, int] = {"closed": 0, "half-open": 1, "open": 2}


class CallAccounting:
    """Counts all calls of one engine.

    Args:
        prices: those of the user, by model.

    Attributes:
        ledger: what the calls have cost.
    """

    def __init__(self, prices: Mapping[str, PriceSettings]) -> None:
        self.ledger = Ledger()
        self._prices = Prices(prices)

    async def load_price(self, endpoint: Endpoint) -> None:
        """Make the price of a model known, before a call to it is charged."""
        await self._prices.load_for(endpoint.base_url, endpoint.model)

    def call_ended(
        self,
        request: CallRequest,
        endpoint: Endpoint,
        events: CallEvents,
        ending: CallEnding,
        usage: Usage | None = None,
        *,
        cached: bool = False,
    ) -> None:
        """Count a call that has ended; `usage` is that of a whole answer. What came from the cache costs nothing."""
        _measure(request, endpoint, events, ending, usage, cached=cached)
        if not cached:
            self._charge(request, endpoint, events, usage)

    def call_broke(self, request: CallRequest, fault: Fault, bug: Exception, call_id: str) -> None:
        """Count a call that an unexpected exception has ended."""
        log("ERROR", "a call ended by an unexpected error", exception=bug, call_id=call_id)
        _count("llm.errors", request, kind=fault.kind)

    def attempt_failed(self, request: CallRequest, fault: Fault, attempt: int) -> None:
        _count("llm.errors", request, kind=fault.kind)
        if fault.rule.is_timeout:
            _count("llm.timeouts", request, kind=fault.kind)
        log("WARNING", "attempt failed", attempt=attempt, kind=fault.kind, reason=fault.message)

    def retried(self, request: CallRequest, fault: Fault) -> None:
        _count("llm.retries", request, kind=fault.kind)

    def continued(self, request: CallRequest) -> None:
        _count("llm.continuations", request)

    def truncated(self, request: CallRequest) -> None:
        _count("llm.context_truncations", request)

    def fell_back(self, request: CallRequest, fault: Fault, to: Endpoint) -> None:
        _count("llm.fallbacks", request, kind=fault.kind)
        log("WARNING", "fell back to another model", kind=fault.kind, model=to.model, host=to.host)

    def cache_asked(self, *, answered: bool) -> None:
        metrics.increment("cache.hit" if answered else "cache.miss")

    def queue_changed(self, waiting: int) -> None:
        """Record how many calls wait for a slot, all servers together."""
        metrics.gauge("queue.depth", waiting)

    def breaker_changed(self, name: str, new: BreakerState) -> None:
        metrics.increment("breaker.transitions", tags={"endpoint": name, "to": new})
        metrics.gauge("breaker.state", BREAKER_LEVELS[new], tags={"endpoint": name})

    def breaker_created(self, name: str) -> None:
        metrics.gauge("breaker.state", BREAKER_LEVELS["closed"], tags={"endpoint": name})

    def _charge(self, request: CallRequest, endpoint: Endpoint, events: CallEvents, usage: Usage | None) -> None:
        """Enter what a call has cost; of one that broke off, what had come is paid for too."""
        if usage is None:
            if not events.has_received:
                return
            usage = _estimated_usage(request, events)
        price = self._prices.price(endpoint.base_url, endpoint.model, usage)
        cost = Cost.of_call(price.kind, price.usd, is_estimated=usage.estimated)
        spent = Spent(usage.input_tokens + usage.output_tokens, cost)
        self.ledger.add(request.run_id, request.agent_id, spent, request.task_id)
        if price.kind != "unknown":
            metrics.increment("llm.cost", float(price.usd), tags={"agent": request.agent_id, "model": endpoint.model})


def usage_of(completion: Completion, request: CallRequest, events: CallEvents) -> Usage:
    """Return the tokens of a whole answer: as the server has reported them, else estimated."""
    if completion.usage is not None:
        return Usage(completion.usage.input_tokens, completion.usage.output_tokens)
    return _estimated_usage(request, events)


def _estimated_usage(request: CallRequest, events: CallEvents) -> Usage:
    return Usage(
        estimate_prompt_tokens(request.messages), estimate_tokens(events.text + events.reasoning), estimated=True
    )


def _count(name: str, request: CallRequest, **tags: str) -> None:
    metrics.increment(name, tags={"agent": request.agent_id, **tags})


def _measure(
    request: CallRequest,
    endpoint: Endpoint,
    events: CallEvents,
    ending: CallEnding,
    usage: Usage | None,
    *,
    cached: bool,
) -> None:
    agent = {"agent": request.agent_id}
    model = endpoint.model
    tags = {**agent, "model": model}
    metrics.increment("llm.requests", tags={**tags, "outcome": ending})
    metrics.timing("llm.request", events.requested_seconds * 1000, tags={**tags, "outcome": ending})
    duration_seconds = events.duration_seconds
    with log_ids(**events.log_ids):
        level: LogLevel = "WARNING" if ending == "error" else "INFO"
        log(
            level,
            "call ended",
            outcome=ending,
            attempts=events.attempt,
            duration_ms=duration_seconds * 1000,
            waited_ms=(duration_seconds - events.requested_seconds) * 1000,
            model=model,
            cached=cached,
            content={
                "prompt": [{"role": message.role, "content": message.text} for message in request.messages],
                "answer": events.text,
            },
        )
    if events.first_token_seconds is not None:
        metrics.timing("llm.first_token", events.first_token_seconds * 1000, tags=tags)
    if usage is not None and not cached:
        if events.streamed_seconds > 0:
            metrics.gauge("llm.tokens_per_second", usage.output_tokens / events.streamed_seconds, tags=tags)
        estimated = "true" if usage.estimated else "false"
        for direction, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            metrics.increment("llm.tokens", count, tags={**agent, "direction": direction, "estimated": estimated})
