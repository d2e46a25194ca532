"""What ended calls are counted as: metrics and a log line, tokens, and the money they have cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from core.events import Usage
from core.llm.call.attempt import Answer
from core.llm.call.call import Call
from core.llm.call.call_events import CallEvents
from core.llm.endpoint import Endpoint
from core.llm.request import CallRequest
from core.llm.window.tokens import estimate_prompt_tokens, estimate_tokens
from core.spending.ledger import Cost, Ledger, Spent
from core.spending.prices import Prices
from core.telemetry import metrics
from core.telemetry.logs import Level, log, log_ids

if TYPE_CHECKING:
    from core.settings import PriceSettings

Ending = Literal["ok", "error", "cancelled"]


class CallAccounting:
    """The accounts of all calls of one engine.

    Args:
        prices: those of the user, by model.

    Attributes:
        ledger: what the calls have cost.
    """

    def __init__(self, prices: Mapping[str, PriceSettings]) -> None:
        self.ledger = Ledger()
        self._prices = Prices(prices)

    async def load_price(self, endpoint: Endpoint) -> None:
        """Make the price of a model known, before a call to it is entered."""
        await self._prices.load_for(endpoint.base_url, endpoint.model)

    def enter(
        self,
        call: Call,
        progress: CallEvents,
        ending: Ending,
        usage: Usage | None = None,
        *,
        cached: bool = False,
    ) -> None:
        """Count a call that has ended; `usage` is that of a whole answer. What came from the cache costs nothing."""
        _measure(call, progress, ending, usage, cached=cached)
        if not cached:
            self._charge(call, progress, usage)

    def _charge(self, call: Call, progress: CallEvents, usage: Usage | None) -> None:
        """Enter what a call has cost; of one that broke off, what had come is paid for too."""
        if usage is None:
            if not progress.has_received:
                return
            usage = _estimated_usage(call.request, progress)
        request, endpoint = call.request, call.endpoint
        price = self._prices.price(endpoint.base_url, endpoint.model, usage)
        is_free = self._prices.is_free(endpoint.base_url, endpoint.model)
        cost = Cost(
            usd=price or Decimal(0),
            priced_calls=int(price is not None and not is_free),
            unknown_calls=int(price is None),
            local_calls=int(is_free),
            is_estimated=usage.estimated and not is_free,
        )
        self.ledger.add(request.run_id, request.agent_id, Spent(usage.input_tokens + usage.output_tokens, cost))
        if price is not None:
            metrics.increment("llm.cost", float(price), tags={"agent": request.agent_id, "model": endpoint.model})


def usage_of(answer: Answer, request: CallRequest, progress: CallEvents) -> Usage:
    """Return the tokens of a whole answer: as the server has reported them, else estimated."""
    if answer.usage is not None:
        return Usage(answer.usage.input_tokens, answer.usage.output_tokens)
    return _estimated_usage(request, progress)


def _estimated_usage(request: CallRequest, progress: CallEvents) -> Usage:
    return Usage(
        estimate_prompt_tokens(request.messages), estimate_tokens(progress.text + progress.reasoning), estimated=True
    )


def _measure(call: Call, progress: CallEvents, ending: Ending, usage: Usage | None, *, cached: bool) -> None:
    agent = {"agent": call.request.agent_id}
    model = call.endpoint.model
    tags = {**agent, "model": model}
    metrics.increment("llm.requests", tags={**tags, "outcome": ending})
    duration_ms = progress.duration_seconds * 1000
    metrics.timing("llm.request", duration_ms, tags={**tags, "outcome": ending})
    with log_ids(**progress.log_ids):
        level: Level = "WARNING" if ending == "error" else "INFO"
        log(
            level,
            "call ended",
            outcome=ending,
            attempts=progress.attempt,
            duration_ms=duration_ms,
            model=model,
            cached=cached,
            content={
                "prompt": [{"role": said.role, "content": said.text} for said in call.request.messages],
                "answer": progress.text,
            },
        )
    if progress.first_token_seconds is not None:
        metrics.timing("llm.first_token", progress.first_token_seconds * 1000, tags=tags)
    if usage is not None and not cached:
        if progress.streamed_seconds > 0:
            metrics.gauge("llm.tokens_per_second", usage.output_tokens / progress.streamed_seconds, tags=tags)
        estimated = "true" if usage.estimated else "false"
        for direction, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            metrics.increment("llm.tokens", count, tags={**agent, "direction": direction, "estimated": estimated})
