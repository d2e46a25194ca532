"""What calls cost, and what agents, runs and a session have spent.

A price is the user's own, nothing for a model on this machine, or that of a price list that is read offline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, assert_never

from core.addresses import is_loopback
from core.events import Usage
from core.kinds import CostKind

if TYPE_CHECKING:
    from core.settings import PriceSettings

UNKNOWN = "-"
SMALLEST_SHOWN = Decimal("0.0001")
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


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of some calls.

    Attributes:
        usd: what the calls with a known price have cost.
        priced_calls: how many those are; calls on this machine are not among them.
        unknown_calls: calls of which the price is not known.
        local_calls: calls on this machine, which cost nothing.
        is_estimated: some tokens were estimated, because the server did not report them.
    """

    usd: Decimal = Decimal(0)
    priced_calls: int = 0
    unknown_calls: int = 0
    local_calls: int = 0
    is_estimated: bool = False

    @classmethod
    def of_call(cls, kind: CostKind, usd: Decimal, *, is_estimated: bool) -> Cost:
        """Return the price of one call."""
        match kind:
            case "priced":
                return cls(usd, priced_calls=1, is_estimated=is_estimated)
            case "local":
                return cls(local_calls=1)
            case "unknown":
                return cls(unknown_calls=1, is_estimated=is_estimated)
            case _ as never:
                assert_never(never)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.usd + other.usd,
            self.priced_calls + other.priced_calls,
            self.unknown_calls + other.unknown_calls,
            self.local_calls + other.local_calls,
            self.is_estimated or other.is_estimated,
        )

    def words(self) -> str:
        """Return the price as it is shown: "$0.0035", "at least $1.20", "about $0.02", "local", "-" if unknown."""
        if not self.priced_calls:
            return "local" if self.local_calls and not self.unknown_calls else UNKNOWN
        prefix = "at least " if self.unknown_calls else "about " if self.is_estimated else ""
        if 0 < self.usd < SMALLEST_SHOWN:
            return f"{prefix}<${SMALLEST_SHOWN}"
        return f"{prefix}${self.usd:.2f}" if self.usd >= 1 or not self.usd else f"{prefix}${self.usd:.4f}"


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens, sent and received, and their price."""

    tokens: int = 0
    cost: Cost = field(default_factory=Cost)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, self.cost + other.cost)


class Ledger:
    """Adds up what calls cost; calls outside of a run belong to the session and to their agent."""

    def __init__(self) -> None:
        self._session = Spent()
        self._run_id = ""
        self._run = Spent()
        self._agents: dict[str, Spent] = {}
        self._tasks: dict[str, Spent] = {}

    def begin_run(self, run_id: str) -> None:
        """Begin to add up for a new run and its agents."""
        self._run_id, self._run, self._agents, self._tasks = run_id, Spent(), {}, {}

    @property
    def session(self) -> Spent:
        """Everything since the engine was made."""
        return self._session

    @property
    def run(self) -> Spent:
        """What the current run, else the last one, has spent."""
        return self._run

    def add(self, run_id: str, agent_id: str, spent: Spent, task_id: str = "") -> None:
        """Enter one call; `task_id` is what it was made for."""
        self._session += spent
        if run_id and run_id == self._run_id:
            self._run += spent
            self._tasks[task_id] = self._tasks.get(task_id, Spent()) + spent
        if run_id in ("", self._run_id):
            self._agents[agent_id] = self._agents.get(agent_id, Spent()) + spent

    def tasks(self) -> Mapping[str, Spent]:
        """Return what each task of the current run, else the last one, has spent, by its id."""
        return dict(self._tasks)

    def agent(self, agent_id: str) -> Spent:
        """Return what an agent has spent since the current run, else the last one, began."""
        return self._agents.get(agent_id, Spent())


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
