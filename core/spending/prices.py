"""What tokens cost: the user's own prices first, nothing on this machine, else a price list that is read offline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from core.addresses import is_loopback
from core.events import Usage

if TYPE_CHECKING:
    from core.settings import PriceSettings

MILLION = Decimal(1_000_000)
FREE = Decimal(0)

_Look = Callable[[str, str, Usage], Decimal | None]


class Prices:
    """Tells the price of calls in US dollars.

    Args:
        overrides: the user's own prices by the name of the model; they hold wherever it runs.
    """

    def __init__(self, overrides: Mapping[str, PriceSettings]) -> None:
        self._overrides = overrides
        self._look: _Look | None = None

    async def load_for(self, base_url: str, model: str) -> None:
        """Read the price list, once, if the price of this model can only come from there."""
        if self._look is None and not self.is_free(base_url, model) and model not in self._overrides:
            # A thread, because importing the list takes much longer than a frame.
            self._look = await asyncio.to_thread(_open_list)

    def is_free(self, base_url: str, model: str) -> bool:
        """Tell whether a model runs on this machine, and the user has named no price for it."""
        return model not in self._overrides and is_loopback(base_url)

    def price(self, base_url: str, model: str, usage: Usage) -> Decimal | None:
        """Return what a call has cost; None if nobody knows, or the list has not been read yet."""
        own = self._overrides.get(model)
        if own is not None:
            parts = (own.input, usage.input_tokens), (own.output, usage.output_tokens)
            return sum((Decimal(str(per_million)) * tokens for per_million, tokens in parts), FREE) / MILLION
        if self.is_free(base_url, model):
            return FREE
        return self._look(base_url, model, usage) if self._look is not None else None


def _open_list() -> _Look:
    import genai_prices

    def look(base_url: str, model: str, usage: Usage) -> Decimal | None:
        tokens = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        try:
            # By the address alone: what a provider asks for a model says nothing of the same model at somebody else's.
            return genai_prices.calc_price(tokens, model, provider_api_url=base_url).total_price
        except LookupError:
            return None

    look("https://api.openai.com/v1", "gpt-4o", Usage(1, 1))  # the list itself is read with the first question
    return look
