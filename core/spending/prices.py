"""What tokens cost: the user's own prices first, nothing on this machine, else a price list that is read offline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.addresses import is_loopback
from core.events import Usage
from core.kinds import CostKind

if TYPE_CHECKING:
    from core.settings import PriceSettings

MILLION = Decimal(1_000_000)

_Lookup = Callable[[str, str, Usage], Decimal | None]


@dataclass(frozen=True, slots=True)
class CallPrice:
    """What a call has cost; `usd` is 0 unless the price is known."""

    kind: CostKind
    usd: Decimal = Decimal(0)


class Prices:
    """Finds the price of calls in US dollars.

    Args:
        overrides: the user's own prices by the name of the model; they hold wherever it runs.
    """

    def __init__(self, overrides: Mapping[str, PriceSettings]) -> None:
        self._overrides = overrides
        self._lookup: _Lookup | None = None

    async def load_for(self, base_url: str, model: str) -> None:
        """Read the price list, once, if the price of this model can only come from there."""
        if self._lookup is None and model not in self._overrides and not is_loopback(base_url):
            # A thread, because importing the list takes much longer than a frame.
            self._lookup = await asyncio.to_thread(_open_list)

    def price(self, base_url: str, model: str, usage: Usage) -> CallPrice:
        """Return what a call has cost; unknown also while the list has not been read."""
        own = self._overrides.get(model)
        if own is not None:
            parts = (own.input, usage.input_tokens), (own.output, usage.output_tokens)
            total = sum((Decimal(str(per_million)) * tokens for per_million, tokens in parts), Decimal(0))
            return CallPrice("priced", total / MILLION)
        if is_loopback(base_url):
            return CallPrice("local")
        usd = self._lookup(base_url, model, usage) if self._lookup is not None else None
        return CallPrice("unknown") if usd is None else CallPrice("priced", usd)


def _open_list() -> _Lookup:
    import genai_prices

    def lookup(base_url: str, model: str, usage: Usage) -> Decimal | None:
        tokens = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        try:
            # By the address alone: another provider may ask another price for the same model.
            return genai_prices.calc_price(tokens, model, provider_api_url=base_url).total_price
        except LookupError:
            return None

    lookup("https://api.openai.com/v1", "gpt-4o", Usage(1, 1))  # the list itself is read by the first lookup
    return lookup
