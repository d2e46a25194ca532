"""What is done about each fault: the transitions of the calls to one endpoint, held one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from core.kinds import FaultKind
from core.llm.call.retry_decision import AttemptReason, FailedAttempt, NextAttempt, RetryDecision
from core.llm.endpoint import make_endpoint
from core.llm.faults import FAULT_RULES, Fault, FaultAction, ServerError
from core.resilience.retry import RATE_LIMIT_COST, RETRY_COST, RetryBudget

ENDPOINT = make_endpoint("http://127.0.0.1:8080/v1", "m")
BY_ACTION: dict[FaultAction, AttemptReason] = {
    "retry": "retry",
    "free": "reconnect",
    "truncate": "shortened",
    "wait": "loading",
    "fail": "none",
}


def fault(kind: FaultKind, **said: object) -> Fault:
    return Fault(kind, ENDPOINT, error=ServerError(**said))  # type: ignore[arg-type] # fields of any type


def failed(
    kind: FaultKind = "server",
    *,
    trial: bool = False,
    continuation: bool = False,
    received: bool = False,
    may_wait: bool = True,
    **said: object,
) -> FailedAttempt:
    return FailedAttempt(
        fault=fault(kind, **said),
        was_trial=trial,
        was_continuation=continuation,
        had_received=received,
        may_wait_for_breaker=may_wait,
        may_wait_for_server=may_wait,
    )


def decision() -> RetryDecision:
    return RetryDecision(RetryBudget())


def reasons(*attempts: FailedAttempt) -> list[AttemptReason]:
    """Return what one call decides about attempts that fail one after the other."""
    decides = decision()
    return [decides.decide(attempt)[1].reason for attempt in attempts]


@pytest.mark.parametrize("kind", get_args(FaultKind))
def test_the_action_of_its_kind_decides_about_a_first_fault(kind: FaultKind) -> None:
    outcome, after = decision().decide(failed(kind, may_wait=False))

    assert outcome == FAULT_RULES[kind].outcome
    assert after == NextAttempt(BY_ACTION[FAULT_RULES[kind].action])


def test_an_adaptation_is_tried_once_and_then_the_fault_itself_decides() -> None:
    wants = failed("bad_request", adaptation="no_temperature")
    wants_more = failed("bad_request", adaptation="fold_system")

    assert reasons(wants, wants_more, wants) == ["adapted", "adapted", "none"]


def test_an_idle_connection_is_believed_to_be_one_only_once() -> None:
    decides = decision()
    stale = fault("stale_connection")
    assert decides.counted_fault(stale, ENDPOINT) is stale
    assert decides.decide(failed("stale_connection"))[1] == NextAttempt("reconnect")

    assert decides.counted_fault(stale, ENDPOINT).kind == "disconnected"
    other = fault("cut")
    assert decides.counted_fault(other, ENDPOINT) is other


def test_a_prompt_that_is_too_long_is_shortened_but_not_for_a_continuation() -> None:
    assert reasons(failed("context"), failed("context")) == ["shortened", "shortened"]
    assert reasons(failed("context", continuation=True)) == ["none"]


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (failed(trial=True), "trial"),
        (failed(), "retry"),
        (failed(trial=True, received=True), "retry"),
        (failed(trial=True, may_wait=False), "retry"),
        (failed("pool_timeout", trial=True), "retry"),  # it tells nothing of the server
        (failed("auth", trial=True), "none"),
    ],
    ids=["still away", "no trial", "an answer had begun", "may not wait", "neutral", "for good"],
)
def test_a_trial_that_finds_the_server_still_away_is_no_retry(attempt: FailedAttempt, reason: AttemptReason) -> None:
    assert reasons(attempt) == [reason]


@pytest.mark.parametrize("trial", [False, True])
def test_a_server_that_may_be_gone_is_waited_for_where_that_is_possible(trial: bool) -> None:
    gone = failed("connect", trial=trial)

    assert decision().decide(gone)[1].waits_for_server
    assert not decision().decide(replace(gone, may_wait_for_server=False))[1].waits_for_server
    assert not decision().decide(failed("server", trial=trial))[1].waits_for_server


def test_what_blames_the_request_twice_running_is_counted_once_and_not_retried() -> None:
    decides = decision()
    attempts = [failed(blames_request=blames) for blames in (True, False, True, True)]

    assert [decides.decide(attempt) for attempt in attempts] == [
        ("failure", NextAttempt("retry")),
        ("failure", NextAttempt("retry")),
        ("failure", NextAttempt("retry")),
        ("neutral", NextAttempt("none")),
    ]


def test_what_does_not_blame_the_request_is_retried_however_often_it_comes() -> None:
    assert reasons(*[failed()] * 20) == ["retry"] * 20


def test_an_empty_answer_is_asked_for_once_more() -> None:
    assert reasons(failed("empty"), failed("server"), failed("empty")) == ["retry", "retry", "none"]


@pytest.mark.parametrize("kind", ["cut", "stall", "truncated_stream", "malformed", "stream_error", "server"])
def test_an_answer_that_breaks_half_way_is_retried_like_any_other(kind: FaultKind) -> None:
    assert reasons(*[failed(kind, received=True)] * 20) == ["retry"] * 20


def test_retries_are_paid_until_nothing_is_left_and_given_back_after_an_answer() -> None:
    budget = RetryBudget(capacity=RETRY_COST + RATE_LIMIT_COST)
    decides = RetryDecision(budget)

    assert decides.pay(fault("server"))
    assert decides.pay(fault("rate_limit"))
    assert not decides.pay(fault("rate_limit"))
    decides.succeeded()

    assert budget.tokens == RETRY_COST + RATE_LIMIT_COST
    assert decides.pay(fault("server"))


def test_what_asks_for_nothing_new_keeps_its_number() -> None:
    kept = {reason for reason in get_args(AttemptReason) if NextAttempt(reason).keeps_number}

    assert kept == {"trial", "reconnect", "adapted", "loading", "continuation"}
