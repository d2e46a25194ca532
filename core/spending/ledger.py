"""What has been spent: tokens and money of every agent, run and session."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from core.kinds import CostKind

UNKNOWN = "-"
SMALLEST_SHOWN = Decimal("0.0001")


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
    """Adds up what calls cost; calls outside of a run belong to the session alone."""

    def __init__(self) -> None:
        self._session = Spent()
        self._run_id = ""
        self._run = Spent()
        self._agents: dict[str, Spent] = {}

    def begin_run(self, run_id: str) -> None:
        """Begin to add up for a new run and its agents."""
        self._run_id, self._run, self._agents = run_id, Spent(), {}

    @property
    def session(self) -> Spent:
        """Everything since the engine was made."""
        return self._session

    @property
    def run(self) -> Spent:
        """What the current run, else the last one, has spent."""
        return self._run

    def add(self, run_id: str, agent_id: str, spent: Spent) -> None:
        """Enter one call."""
        self._session += spent
        if run_id and run_id == self._run_id:
            self._run += spent
            self._agents[agent_id] = self._agents.get(agent_id, Spent()) + spent

    def agent(self, agent_id: str) -> Spent:
        """Return what an agent has spent in the current run, else in the last one."""
        return self._agents.get(agent_id, Spent())
