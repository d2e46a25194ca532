"""Decides whether a fault is retried: what the next attempt of a call at one endpoint is. Nothing else decides it.

How many there may be (max_attempts, from LLM_MAX_RETRIES) is the stop condition of the loop in endpoint_call.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from core.kinds import AttemptOutcome
from core.llm.endpoint import Endpoint
from core.llm.faults import Adaptation, Fault
from core.resilience.retry import RATE_LIMIT_COST, RETRY_COST, RetryBudget

AttemptReason = Literal[
    "first", "retry", "trial", "reconnect", "adapted", "shortened", "loading", "continuation", "none"
]
"""Why the next attempt at an endpoint is made. A retry is counted and paid for, the others are neither.

first: nothing was sent yet.
retry: the fault may pass; after a back-off.
trial: the last one was to find out whether a server behind an open breaker is back, and it is not; when the breaker
    lets one through again.
reconnect: the server had closed an idle connection; at once.
adapted: the server wants its requests in another shape; at once.
shortened: the prompt was too long; at once, with a shorter one.
loading: the server was still loading its model; after a moment.
continuation: the answer was cut off at a token limit; at once, to go on with it.
none: there is no further attempt, and the fault ends the call at this endpoint.
"""


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """What the next attempt is; with `waits_for_server` it is made when something answers at the address again."""

    reason: AttemptReason
    waits_for_server: bool = False

    @property
    def keeps_number(self) -> bool:
        """Whether listeners are told of it as the same attempt, because nothing new is asked."""
        match self.reason:
            case "reconnect" | "adapted" | "loading" | "trial" | "continuation":
                return True
            case "first" | "retry" | "shortened" | "none":
                return False
            case _:
                assert_never(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """An attempt that was sent and failed, and what its call may do about it.

    Attributes:
        was_trial: it was let through to find out whether the server is back.
        was_continuation: it was to go on with an answer that was cut off.
        had_received: it had brought a part of an answer.
        may_wait_for_breaker: the call may wait until the breaker lets attempts through again.
        may_wait_for_server: the call may wait until a server that is gone has come back.
    """

    fault: Fault
    was_trial: bool
    was_continuation: bool
    had_received: bool
    may_wait_for_breaker: bool
    may_wait_for_server: bool


class RetryDecision:
    """Decides for one call at one endpoint, with what it remembers of the faults so far."""

    def __init__(self, budget: RetryBudget) -> None:
        self._budget = budget
        self._paid = 0
        self._adaptations: set[Adaptation] = set()
        self._has_reconnected = False
        self._has_retried_once = False
        self._was_blamed = False

    def counted_fault(self, fault: Fault, endpoint: Endpoint) -> Fault:
        """Return the fault that counts: a server that closes a second connection at once does not close idle ones."""
        if fault.action == "free" and self._has_reconnected:
            return Fault("disconnected", endpoint)
        return fault

    def decide(self, failed: FailedAttempt) -> tuple[AttemptOutcome, NextAttempt]:
        """Return what the circuit breaker counts for an attempt that has failed, and what the next one is."""
        repeats = self._repeats_blame(failed.fault)
        outcome: AttemptOutcome = "neutral" if repeats else failed.fault.outcome
        return outcome, self._next_attempt(failed, outcome, repeats=repeats)

    def pay(self, fault: Fault) -> bool:
        """Take the cost of a retry from what the team shares; False when there is too little left."""
        cost = RATE_LIMIT_COST if fault.rule.pauses_server else RETRY_COST
        if not self._budget.draw(cost):
            return False
        self._paid += cost
        return True

    def succeeded(self) -> None:
        """Give back what the retries of an answered call have cost."""
        self._budget.succeeded(self._paid)
        self._paid = 0

    def _next_attempt(self, failed: FailedAttempt, outcome: AttemptOutcome, *, repeats: bool) -> NextAttempt:
        fault = failed.fault
        if fault.error.adaptation is not None and fault.error.adaptation not in self._adaptations:
            self._adaptations.add(fault.error.adaptation)
            return NextAttempt("adapted")
        match fault.action:
            case "free":
                self._has_reconnected = True
                return NextAttempt("reconnect")
            case "wait":
                return NextAttempt("loading")
            case "truncate":
                # What makes a continuation too long is the answer itself.
                return NextAttempt("none" if failed.was_continuation else "shortened")
            case "retry":
                waits_for_server = fault.rule.server_may_be_gone and failed.may_wait_for_server
                is_still_away = outcome == "failure" and not failed.had_received
                if failed.was_trial and is_still_away and failed.may_wait_for_breaker:
                    # It costs the call no retry: the waits between trials have an end.
                    return NextAttempt("trial", waits_for_server)
                if not repeats and self._may_pass(fault):
                    return NextAttempt("retry", waits_for_server)
                return NextAttempt("none")
            case "fail":
                return NextAttempt("none")
            case _:
                assert_never(fault.action)

    def _repeats_blame(self, fault: Fault) -> bool:
        """Whether the server says for the second time running that the request is at fault; the breaker counts one."""
        repeats = fault.error.blames_request and self._was_blamed
        self._was_blamed = fault.error.blames_request
        return repeats

    def _may_pass(self, fault: Fault) -> bool:
        """Whether another attempt may end better than the ones so far."""
        if not fault.rule.is_retried_once:
            return True
        is_first, self._has_retried_once = not self._has_retried_once, True
        return is_first
