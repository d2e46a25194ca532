"""What a run may use up: limits for tokens, money and time, each raised by its own amount when the user says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.settings import BudgetSettings

VARIABLES = {"tokens": "BUDGET_TOKENS", "usd": "BUDGET_USD", "minutes": "BUDGET_MINUTES"}


@dataclass(frozen=True, slots=True)
class ReachedLimit:
    """`what` is tokens, usd or minutes."""

    what: str
    limit: float
    used: float

    def words(self) -> str:
        """Return it as a reader wants it: "1,230 of 1,000 tokens"."""
        match self.what:
            case "usd":
                return f"${self.used:,.4g} of ${self.limit:,.4g}"
            case "minutes":
                return f"{self.used:.3g} of {self.limit:g} minutes"
            case _:
                return f"{self.used:,.0f} of {self.limit:,.0f} {self.what}"


class Budget:
    """The limits of one run; a limit that is not set is none."""

    def __init__(self, budget: BudgetSettings) -> None:
        amounts = {"tokens": budget.tokens, "usd": budget.usd, "minutes": budget.minutes}
        self._amounts = {what: float(amount) for what, amount in amounts.items() if amount is not None}
        self._limits = dict(self._amounts)

    def reached(self, used: Mapping[str, float]) -> tuple[ReachedLimit, ...]:
        """Return every limit that has been used up."""
        return tuple(
            ReachedLimit(what, limit, used[what]) for what, limit in self._limits.items() if used[what] >= limit
        )

    def raise_limits(self, names: Iterable[str], used: Mapping[str, float]) -> None:
        """Raise these limits by their amounts, and again until something is left of them."""
        for what in names:
            amount = self._amounts[what]
            limit = used[what] // amount * amount
            while limit <= used[what]:  # rounding may take a step back
                limit += amount
            self._limits[what] = limit
