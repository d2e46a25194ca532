"""Which failed attempts of a call are made again, and what the circuit breaker is told of them."""

from __future__ import annotations

from core.llm.faults import Fault
from core.resilience.outcome import AttemptOutcome
from core.resilience.retry import Backoff
from core.resilience.retry_budget import RATE_LIMIT_COST, RETRY_COST, RetryBudget

MAX_STREAM_RESTARTS = 2  # an answer that breaks half-way three times will break again


class RetryPolicy:
    """The memory of one call on one endpoint: what has failed so far, and what its retries have cost the team."""

    def __init__(self, backoff: Backoff, budget: RetryBudget) -> None:
        self._backoff = backoff
        self._budget = budget
        self._spent = 0
        self._restarts = 0
        self._empty_seen = False
        self._repeat_key = ""
        self._repeats = False

    def judge(self, fault: Fault) -> AttemptOutcome:
        """Return what the breaker is told of a fault; an error that only repeats itself is told once."""
        self._repeats = bool(fault.error.repeat_key) and fault.error.repeat_key == self._repeat_key
        self._repeat_key = fault.error.repeat_key
        return "neutral" if self._repeats else fault.outcome

    def may_retry(self, error: BaseException, *, in_answer: bool) -> bool:
        """Tell whether an attempt may be made again; `in_answer`: a part of the answer had come."""
        if not isinstance(error, Fault) or error.action != "retry" or self._repeats:
            return False
        if error.rule.is_retried_once:
            first, self._empty_seen = not self._empty_seen, True
            return first
        if in_answer:
            self._restarts += 1
            return self._restarts <= MAX_STREAM_RESTARTS
        return True

    def wait_seconds(self, failed_attempts: int, error: BaseException) -> float:
        retry_after = error.error.retry_after_seconds if isinstance(error, Fault) else None
        return self._backoff.seconds(failed_attempts, retry_after)

    def pay(self, fault: Fault) -> bool:
        """Take the cost of a retry from what the team shares; False when there is too little left."""
        cost = RATE_LIMIT_COST if fault.rule.pauses_server else RETRY_COST
        if not self._budget.draw(cost):
            return False
        self._spent += cost
        return True

    def succeeded(self) -> None:
        """Give back what the retries of an answered call have cost."""
        self._budget.succeeded(self._spent)
        self._spent = 0
