"""What a run may use up: tokens, money and time; no call beyond it is sent until the user lets the run go on.

Each limit is raised by its own amount when the user says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from core.clock import Clock
from core.errors import QuintetError
from core.kinds import BudgetLimit
from core.spending.costs import Spent

if TYPE_CHECKING:
    from core.settings import BudgetSettings

WhenReached = Literal["ask", "fail", "go_on"]
"""What happens at the end of a budget: the run is held until the user lets it go on, it fails, or it goes on."""

VARIABLES: Mapping[BudgetLimit, str] = {"tokens": "BUDGET_TOKENS", "usd": "BUDGET_USD", "minutes": "BUDGET_MINUTES"}


@dataclass(frozen=True, slots=True)
class ReachedLimit:
    """A limit, and what has been used when it was reached."""

    what: BudgetLimit
    limit: float
    used: float

    def words(self) -> str:
        """Return what is used of the limit: "1,230 of 1,000 tokens"."""
        match self.what:
            case "usd":
                return f"${self.used:,.4g} of ${self.limit:,.4g}"
            case "minutes":
                return f"{self.used:.3g} of {self.limit:g} minutes"
            case "tokens":
                return f"{self.used:,.0f} of {self.limit:,.0f} tokens"
            case _:
                assert_never(self.what)


class Budget:
    """The limits of one run; a limit that is not set is none."""

    def __init__(self, budget: BudgetSettings) -> None:
        amounts: dict[BudgetLimit, float | None] = {
            "tokens": budget.tokens,
            "usd": budget.usd,
            "minutes": budget.minutes,
        }
        self._amounts = {what: float(amount) for what, amount in amounts.items() if amount is not None}
        self._limits = dict(self._amounts)

    def reached(self, used: Mapping[BudgetLimit, float]) -> tuple[ReachedLimit, ...]:
        """Return every limit that has been used up."""
        return tuple(
            ReachedLimit(what, limit, used[what]) for what, limit in self._limits.items() if used[what] >= limit
        )

    def raise_limits(self, names: Iterable[BudgetLimit], used: Mapping[BudgetLimit, float]) -> None:
        """Raise these limits by their amounts, and again until something is left of them."""
        for what in names:
            amount = self._amounts[what]
            limit = used[what] // amount * amount
            while limit <= used[what]:  # rounding may take a step back
                limit += amount
            self._limits[what] = limit


class RunBudgetGate:
    """Lets the calls of one run through, or not.

    Args:
        budget: the limits; "going on" after one was reached raises it by its own amount.
        when_reached: what happens then.
        spent: what the run has used so far.
        clock: measures the run's minutes; those in which it is held do not count.
        on_reached: called once for every limit that is reached.

    Attributes:
        on_held: called whenever calls begin to be held (True) and to go on (False).
    """

    def __init__(
        self,
        budget: Budget,
        when_reached: WhenReached,
        *,
        spent: Callable[[], Spent],
        clock: Clock,
        on_reached: Callable[[ReachedLimit], None],
    ) -> None:
        self.on_held: Callable[[bool], None] | None = None
        self._budget = budget
        self._when_reached = when_reached
        self._spent = spent
        self._clock = clock
        self._on_reached = on_reached
        self._started_at = clock.monotonic()
        self._held_at: float | None = None
        self._held_seconds = 0.0
        self._reported: set[BudgetLimit] = set()
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()

    @property
    def is_held(self) -> bool:
        """Whether calls wait for the user."""
        return self._held_at is not None

    def hold(self) -> None:
        """Let no further call through."""
        if self._held_at is None:
            self._held_at = self._clock.monotonic()
            self._may_go_on.clear()
            if self.on_held is not None:
                self.on_held(True)

    def go_on(self) -> None:
        """Let calls through again; limits that were reported are raised."""
        if self._held_at is None:
            return
        self._held_seconds += self._clock.monotonic() - self._held_at
        self._held_at = None
        self._raise_limits()
        self._may_go_on.set()
        if self.on_held is not None:
            self.on_held(False)

    async def until_not_held(self) -> None:
        await self._may_go_on.wait()

    async def admit(self) -> None:
        """Return when the next call may be sent.

        Raises:
            QuintetError: the budget is used up, and the run fails then.
        """
        while True:
            await self._may_go_on.wait()
            reached = self._budget.reached(self._used())
            if not reached:
                return
            if self._when_reached == "ask":
                self.hold()  # before the report, which may be answered at once
            self._report(reached)
            if self._when_reached == "go_on":
                self._raise_limits()
            elif self._when_reached == "fail":
                raise QuintetError(
                    f"the budget of the run is used up: {', '.join(limit.words() for limit in reached)}",
                    hint=f"raise {' and '.join(VARIABLES[limit.what] for limit in reached)}, or go on with --yes",
                )

    def _report(self, reached: Sequence[ReachedLimit]) -> None:
        new = [limit for limit in reached if limit.what not in self._reported]
        self._reported.update(limit.what for limit in new)
        for limit in new:
            self._on_reached(limit)

    def _raise_limits(self) -> None:
        self._budget.raise_limits(self._reported, self._used())
        self._reported.clear()

    def _used(self) -> Mapping[BudgetLimit, float]:
        now = self._held_at if self._held_at is not None else self._clock.monotonic()
        spent = self._spent()
        return {
            "tokens": float(spent.tokens),
            "usd": float(spent.cost.usd),
            "minutes": (now - self._started_at - self._held_seconds) / 60,
        }


def stops_while_held(deadline: asyncio.Timeout) -> Callable[[bool], None]:
    """Return what suspends a deadline while a run is held: the time that the user takes to decide does not count."""
    loop = asyncio.get_running_loop()
    left_seconds = 0.0

    def held(is_held: bool) -> None:
        nonlocal left_seconds
        when = deadline.when()
        if deadline.expired():
            return
        if not is_held:
            deadline.reschedule(loop.time() + left_seconds)
        elif when is not None:
            left_seconds = when - loop.time()
            deadline.reschedule(None)

    return held
