"""Alerts: when each one fires and ends, replayed on a clock of our own, and what the user changes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import ConfigValidationError
from core.events import AlertFired, BreakerChanged
from core.kinds import BreakerState
from core.metrics_catalogue import ALERT_NUMBERS, METRICS, QUANTILES, RATES, extreme_names, percentile_name
from core.settings import AlertSettings, load_config
from core.settings.schema.alert_rules import BREAKER_ALERTS, RULES
from core.telemetry.alerts.board import REMIND_SECONDS, AlertBoard, AlertEvent, AlertStamp
from core.telemetry.alerts.values import AlertValues, counter_totals, derived_values
from core.telemetry.metrics.registry import NullRegistry, Registry
from core.telemetry.metrics.series import SeriesTotals
from tests.support.clock import VirtualClock

Values = dict[str, float]
FIRED, RESOLVED = "fired", "resolved"


def stamp(at: float) -> AlertStamp:
    return AlertStamp(run_id="r", correlation_id="c", at=at)


def names_of(alerts: Sequence[AlertEvent]) -> list[tuple[str, str]]:
    return [(FIRED if isinstance(alert, AlertFired) else RESOLVED, alert.name) for alert in alerts]


def replay(board: AlertBoard, timeline: Sequence[tuple[float, Values]], **options: Any) -> list[tuple[float, str, str]]:
    """Return what is told, with its time; between two entries the first one holds, and is judged every second."""
    reported = []
    for (at, values), following in zip(timeline, [*(at for at, _ in timeline[1:]), timeline[-1][0] + 1], strict=True):
        for second in range(int(at), int(following)):
            reported += [
                (float(second), *alert) for alert in names_of(board.evaluate(values, stamp(second), **options))
            ]
    return reported


def rates(error_rate: float, requests: float) -> Values:
    return {"llm.requests": requests, "llm.error_rate": error_rate, "llm.success_rate": 1.0 - error_rate}


def breaker(at: float, old: BreakerState, new: BreakerState, name: str = "host/m") -> BreakerChanged:
    return BreakerChanged(run_id="r", correlation_id="c", at=at, name=name, old=old, new=new, retry_at=None)


def only(name: str, **changes: Any) -> AlertBoard:
    """Return a board with one rule alone, changed if wanted."""
    others = [AlertSettings(name=rule.name, enabled=False) for rule in RULES if rule.name != name]
    return AlertBoard([*others, AlertSettings(name=name, **changes)])


def test_the_rules_are_those_of_the_specification() -> None:
    rows = {
        rule.name: (rule.severity, rule.metric, rule.beyond, rule.threshold, rule.clear, rule.for_seconds,
                    rule.keep_seconds, rule.min_samples)
        for rule in RULES
    }  # fmt: skip

    assert rows == {
        "breaker_open_long": ("critical", "breaker.open_seconds", ">", 300, None, 0, 0, 0),
        "error_rate_high": ("critical", "llm.error_rate", ">", 0.10, 0.05, 30, 60, 20),
        "success_rate_low": ("critical", "llm.success_rate", "<", 0.80, 0.90, 30, 60, 10),
        "pool_all_unhealthy": ("critical", "pool.healthy", "<", 1, None, 10, 0, 1),
        "latency_p95_high": ("warning", "llm.request.p95_seconds", ">", 10, 8, 60, 60, 20),
        "retry_rate_high": ("warning", "llm.retry_rate", ">", 0.20, 0.10, 60, 60, 10),
        "truncation_high": ("warning", "llm.truncation_rate", ">", 0.50, 0.30, 60, 60, 10),
        "pool_exhausted": ("warning", "pool.waiting", ">", 0, None, 5, 30, 0),
        "queue_deep": ("info", "queue.depth", ">", 10, 5, 10, 10, 0),
    }
    assert [(alert.name, alert.severity) for alert in BREAKER_ALERTS] == [
        ("breaker_opened", "info"),
        ("breaker_recovered", "info"),
    ]


def test_the_course_of_an_error_rate_from_too_few_calls_to_its_end() -> None:
    timeline = [
        (0, rates(1.0, 1)),
        (5, rates(1.0, 2)),
        (10, rates(0.5, 20)),  # pending, and firing after 30 s
        (45, rates(0.07, 60)),  # below the threshold, above the value at which it clears
        (80, rates(0.04, 90)),  # clear, but it goes on for 60 s
        (200, rates(0.0, 90)),
    ]

    assert replay(only("error_rate_high"), timeline) == [
        (40.0, FIRED, "error_rate_high"),
        (139.0, RESOLVED, "error_rate_high"),
    ]


WARM = {"llm.requests": 20.0}


@pytest.mark.parametrize(
    ("name", "bad", "nearly_bad"),
    [
        ("breaker_open_long", {"breaker.open_seconds": 300.1}, {"breaker.open_seconds": 300.0}),
        ("error_rate_high", {**WARM, "llm.error_rate": 0.101}, {**WARM, "llm.error_rate": 0.1}),
        ("success_rate_low", {**WARM, "llm.success_rate": 0.79}, {**WARM, "llm.success_rate": 0.8}),
        ("pool_all_unhealthy", {"pool.size": 2, "pool.healthy": 0}, {"pool.size": 2, "pool.healthy": 1}),
        ("latency_p95_high", {**WARM, "llm.request.p95_seconds": 10.1}, {**WARM, "llm.request.p95_seconds": 10.0}),
        ("retry_rate_high", {**WARM, "llm.retry_rate": 0.21}, {**WARM, "llm.retry_rate": 0.2}),
        ("truncation_high", {**WARM, "llm.truncation_rate": 0.51}, {**WARM, "llm.truncation_rate": 0.5}),
        ("pool_exhausted", {"pool.waiting": 1}, {"pool.waiting": 0}),
        ("queue_deep", {"queue.depth": 11}, {"queue.depth": 10}),
    ],
)
def test_every_rule_fires_beyond_its_threshold_once_its_time_is_over_and_ends_once(
    name: str, bad: Values, nearly_bad: Values
) -> None:
    rule = next(rule for rule in RULES if rule.name == name)
    until_fired = rule.for_seconds
    until_ended = until_fired + 1 + max(rule.keep_seconds, 1)

    assert replay(only(name), [(0, nearly_bad), (500, nearly_bad)]) == []
    assert replay(only(name), [(0, bad), (until_fired + 1, {}), (until_fired + 500, {})]) == [
        (until_fired, FIRED, name),
        (until_ended - 1, RESOLVED, name),
    ]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.samples], ids=lambda rule: rule.name)
def test_a_rule_waits_for_enough_samples(rule: Any) -> None:
    bad = rule.threshold + (1 if rule.beyond == ">" else -1)
    few = {rule.samples: rule.min_samples - 1.0, rule.metric: bad}
    enough = {rule.samples: float(rule.min_samples), rule.metric: bad}

    assert replay(only(rule.name), [(0, few), (600, few)]) == []
    assert replay(only(rule.name), [(0, enough), (600, enough)])[0][1:] == (FIRED, rule.name)


def test_a_condition_that_ends_while_it_is_pending_fires_nothing() -> None:
    bad, good = rates(0.2, 50), rates(0.0, 50)

    assert replay(only("error_rate_high"), [(0, bad), (29, good), (30, bad), (59, good), (200, good)]) == []


def test_a_gap_in_the_numbers_does_not_end_an_alert_before_its_time() -> None:
    bad = rates(0.5, 50)
    gaps = [(0, bad), (40, {}), (90, bad), (100, {}), (150, bad), (160, bad)]

    assert replay(only("error_rate_high"), gaps) == [(30.0, FIRED, "error_rate_high")]


def test_an_empty_pool_is_no_unhealthy_one() -> None:
    assert replay(AlertBoard(), [(0, {"pool.size": 0, "pool.healthy": 0}), (100, {})]) == []


def test_an_alert_that_explains_another_one_hides_it() -> None:
    board = AlertBoard()
    worse, better = rates(0.5, 50), rates(0.08, 50)

    reported = replay(board, [(0, worse), (40, worse)])
    assert reported == [(30.0, FIRED, "success_rate_low")]
    assert [alert.name for alert in board.active(40)] == ["success_rate_low"]

    # The success rate recovers; the error rate is still above the value at which its alert clears.
    reported = replay(board, [(41, better), (120, better)])
    assert reported == [(100.0, RESOLVED, "success_rate_low"), (100.0, FIRED, "error_rate_high")]
    assert [alert.name for alert in board.active(120)] == ["error_rate_high"]


def test_an_alert_that_was_told_before_it_was_hidden_is_still_ended_once() -> None:
    board = AlertBoard()
    timeline = [(0, rates(0.15, 50)), (40, rates(0.5, 50)), (100, rates(0.0, 50)), (300, {})]

    assert replay(board, timeline) == [
        (30.0, FIRED, "error_rate_high"),
        (70.0, FIRED, "success_rate_low"),
        (159.0, RESOLVED, "success_rate_low"),
        (159.0, RESOLVED, "error_rate_high"),
    ]
    assert not board.active(300)


def test_critical_alerts_are_told_again_every_quarter_of_an_hour_and_others_are_not() -> None:
    hour = 3600.0
    critical = replay(AlertBoard(), [(0, {"breaker.open_seconds": 301}), (hour, {})])
    warning = replay(AlertBoard(), [(0, {"pool.waiting": 3}), (hour, {"pool.waiting": 3})])

    assert [at for at, what, _ in critical if what == FIRED] == [
        0,
        REMIND_SECONDS,
        2 * REMIND_SECONDS,
        3 * REMIND_SECONDS,
    ]
    assert critical[-1] == (hour, RESOLVED, "breaker_open_long")
    assert warning == [(5.0, FIRED, "pool_exhausted")]


def test_a_model_of_this_machine_is_judged_by_its_first_token() -> None:
    slow = {**WARM, "llm.request.p95_seconds": 90.0, "llm.first_token.p95_seconds": 2.0}
    slower = {**slow, "llm.first_token.p95_seconds": 12.0}

    assert replay(AlertBoard(), [(0, slow), (100, slow)], is_local=True) == []
    board = AlertBoard()
    assert replay(board, [(0, slower), (100, slower)], is_local=True) == [(60.0, FIRED, "latency_p95_high")]
    assert "one call in 20 waits for its first token 12 s or longer (limit 10 s)" in board.active(100)[0].message


def test_what_fires_is_listed_with_its_latest_number_and_its_age_the_loudest_first() -> None:
    board = AlertBoard()
    replay(board, [(0, {"queue.depth": 20}), (20, {**rates(0.4, 50), "queue.depth": 30}), (60, rates(0.25, 50))])
    board.evaluate({**rates(0.25, 50), "queue.depth": 40}, stamp(61))

    listed = board.active(70)

    assert [(alert.name, alert.severity, alert.since_seconds) for alert in listed] == [
        ("success_rate_low", "critical", 20),
        ("queue_deep", "info", 60),
    ]
    assert listed[0].message.startswith("only 75 % of the calls succeed (limit 80 %) - ")
    assert listed[1].message.startswith("40 calls wait for their turn (limit 10) - ")


def test_every_message_says_the_number_the_limit_and_what_to_do_in_one_line() -> None:
    for rule in RULES:
        message = rule.words(rule.threshold, "x")
        said, advice = message.split(" - ")
        assert "limit " in said or "at least " in said
        assert advice
        assert message[0] not in "{}"
        assert "\n" not in message
        assert "{" not in message


def test_news_of_a_breaker_is_told_at_once_and_lasts_in_no_list() -> None:
    board = AlertBoard()
    timeline = [breaker(10, "closed", "open"), breaker(70, "open", "half-open"), breaker(71, "half-open", "open"),
              breaker(131, "open", "half-open"), breaker(132, "half-open", "closed")]  # fmt: skip

    reported = [news for news in map(board.follow, timeline) if news is not None]

    assert [(news.at, news.name, news.severity) for news in reported] == [
        (10, "breaker_opened", "info"),
        (132, "breaker_recovered", "info"),
    ]
    assert all("host/m" in news.message for news in reported)
    assert not board.active(140)


def test_a_breaker_counts_as_open_until_it_is_closed_whatever_it_tries_in_between() -> None:
    board = AlertBoard()
    for event in (breaker(10, "closed", "open"), breaker(70, "open", "half-open"), breaker(71, "half-open", "open")):
        board.follow(event)
    assert board.open_seconds(320) == {"host/m": 310}

    (fired,) = board.evaluate({"breaker.open_seconds": 310}, stamp(320))
    assert fired.message.startswith("host/m has been cut off for 5.17 min (limit 5 min) - ")

    board.follow(breaker(400, "half-open", "closed"))
    assert board.open_seconds(500) == {"host/m": 0}


def test_a_user_moves_a_limit_and_what_is_not_named_stays() -> None:
    board = only("queue_deep", threshold=3, severity="critical", for_seconds=0, keep_firing_seconds=2)
    reported = replay(board, [(0, {"queue.depth": 4}), (10, {"queue.depth": 3}), (20, {})])

    # The value of 5 at which it would have ended is beyond the new limit, and goes with it.
    assert reported == [(0.0, FIRED, "queue_deep"), (11.0, RESOLVED, "queue_deep")]
    assert replay(only("error_rate_high", min_samples=1), [(0, rates(1.0, 1)), (40, {})]) == [
        (30.0, FIRED, "error_rate_high")
    ]


def test_a_user_switches_alerts_off() -> None:
    board = AlertBoard(
        [AlertSettings(name="success_rate_low", enabled=False), AlertSettings(name="breaker_opened", enabled=False)]
    )

    assert replay(board, [(0, rates(0.5, 50)), (40, {})]) == [(30.0, FIRED, "error_rate_high")]
    assert board.follow(breaker(1, "closed", "open")) is None
    assert board.follow(breaker(2, "open", "closed")) is not None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "eror_rate_high"}, r"no alert 'eror_rate_high' \(did you mean error_rate_high\?\); one of your own needs a"),
        ({"name": "error_rate_high", "clear": 0.2}, r"has its clear \(0.2\) above its limit \(0.1\), "),
        ({"name": "success_rate_low", "clear": 0.7}, r"has its clear \(0.7\) below its limit \(0.8\), "),
        ({"name": "error_rate_high", "threshold": 15}, r"threshold = 15 is never reached: llm.error_rate is a share"),
        ({"name": "error_rate_high", "above": 0.2}, r"no above can be set: set threshold instead"),
        ({"name": "queue_deep", "metric": "pool.size"}, r"no metric can be set: give an alert of your own another name"),
        ({"name": "breaker_opened", "threshold": 3}, r"breaker_opened has no threshold: it is told at the moment"),
        ({"name": "breaker_opened", "metric": "pool.size"}, r"breaker_opened has no metric: it is told at the moment"),
        ({"name": "slow", "metric": "llm.first_token.p95"}, r"no such number \(did you mean llm.first_token.p95_seconds\?\)"),
        ({"name": "slow", "metric": "pool.size"}, r"slow, an alert of your own, needs either above or below"),
        ({"name": "slow", "metric": "pool.size", "above": 1, "below": 2}, r"needs either above or below, and no threshold"),
        ({"name": "slow", "metric": "pool.size", "above": 1, "threshold": 2}, r"above or below, and no threshold"),
        ({"name": "slow", "metric": "pool.size", "above": 1, "clear": 2}, r"slow has its clear \(2\) above its limit \(1\)"),
        ({"name": "slow", "metric": "pool.size", "below": 2, "clear": 1}, r"slow has its clear \(1\) below its limit \(2\)"),
        ({"name": "bad", "metric": "llm.error_rate", "above": 10}, r"above = 10 is never reached: llm.error_rate is a share"),
        ({"name": "two words", "metric": "pool.size", "above": 1}, r"must be up to 40 letters"),
        ({"name": "queue_deep", "message": "x" * 201}, r"must be up to 200 characters"),
        ({"name": "queue_deep", "message": "two\nlines"}, r"contains characters that cannot be shown"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_work_is_refused_by_the_settings(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AlertSettings(**given)


def test_every_faulty_alert_is_in_the_one_message_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[llm]\nmax_retries = 99\n[[alerts]]\nname = "queue_deeep"\n[[alerts]]\nname = "slow"\nmetric = "llm.first_tokn.p95"\n'
    )

    with pytest.raises(ConfigValidationError) as caught:
        load_config(cwd=tmp_path, env={}, user_config=tmp_path / "none.toml")

    text = str(caught.value)
    assert "config.toml:2 [llm] max_retries" in text
    assert "config.toml:3 [[alerts]] #1: there is no alert 'queue_deeep' (did you mean queue_deep?)" in text
    assert (
        "config.toml:7 [[alerts]] #2 metric: alerts.metric = 'llm.first_tokn.p95': there is no such number (did you mean "
        "llm.first_token.p95_seconds?)"
    ) in text


def test_an_alert_of_the_users_own_fires_and_ends_like_the_others() -> None:
    board = AlertBoard(
        [
            AlertSettings(
                name="slow_first_token", metric="llm.first_token.p95_seconds", above=5, clear=4, for_seconds=10,
                keep_firing_seconds=3, min_samples=2, severity="critical", message="{limit} {value} {other} {",
            ),
            AlertSettings(name="slow_agent", metric="llm.tokens_per_second.lowest", below=3),
        ]
    )  # fmt: skip
    name = "llm.first_token.p95_seconds"

    assert replay(board, [(0, {name: 9, "llm.requests": 1})]) == []
    assert replay(
        board, [(0, {name: 9, "llm.requests": 2}), (20, {name: 4.5, "llm.requests": 2}), (30, {name: 4}), (35, {})]
    ) == [
        (10.0, FIRED, "slow_first_token"),
        (32.0, RESOLVED, "slow_first_token"),
    ]
    fired = board.evaluate({name: 9, "llm.requests": 2, "llm.tokens_per_second.lowest": 2.5}, stamp(100))
    assert [alert.message for alert in fired] == ["llm.tokens_per_second.lowest is 2.5, below the limit of 3"]
    board.evaluate({name: 9, "llm.requests": 2, "llm.tokens_per_second.lowest": 2.5}, stamp(110))
    assert [alert.message for alert in board.active(110)] == [
        "5 s 9 s {other} {",
        "llm.tokens_per_second.lowest is 2.5, below the limit of 3",
    ]


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("process.memory", 2e9, "2,000 MB"),
        ("llm.cost", 1.25, "$1.25"),
        ("llm.error_rate", 0.5, "50 %"),
        ("llm.request.p99_seconds", 240, "4 min"),
        ("llm.errors", 7, "7"),
    ],
)
def test_a_number_is_told_in_its_unit(metric: str, value: float, words: str) -> None:
    board = AlertBoard([AlertSettings(name="mine", metric=metric, above=0)])

    (alert,) = board.evaluate({metric: value}, stamp(0))

    assert alert.message.startswith(f"{metric} is {words}, above the limit of ")


def test_samples_count_for_every_alert_that_asks_for_some() -> None:
    board = only("queue_deep", min_samples=5, for_seconds=0)

    assert replay(board, [(0, {"queue.depth": 20, "llm.requests": 4}), (5, {})]) == []


def test_alerts_can_look_at_everything_that_is_measured() -> None:
    for name, metric in METRICS.items():
        assert {name, f"{name}.p95_seconds", *extreme_names(name)} & set(ALERT_NUMBERS), (name, metric.kind)
        assert metric.kind != "timing" or len(metric.alert_outcomes) <= 1
    assert {rule.metric for rule in RULES} | {rule.samples for rule in RULES if rule.samples} <= set(ALERT_NUMBERS)
    for rule in RULES:
        assert not rule.local_metric or ALERT_NUMBERS[rule.local_metric].unit == ALERT_NUMBERS[rule.metric].unit


def test_every_number_of_the_list_has_a_value_once_it_was_measured() -> None:
    clock = VirtualClock()
    registry, sliding = Registry(clock), AlertValues()
    sliding.read(registry, clock.monotonic())
    for name, metric in METRICS.items():
        for value in (2, 4):
            tags = {tag: "ok" if tag == "outcome" else str(value) for tag in metric.tags}
            registry.record(name, metric.kind, value, tags)

    values = sliding.read(registry, clock.monotonic())

    assert set(values) == set(ALERT_NUMBERS)
    assert (values["llm.tokens_per_second.lowest"], values["llm.tokens_per_second.highest"]) == (2, 4)
    assert (values["breaker.state"], values["llm.tokens"], values["agent.task.p99_seconds"]) == (4, 6, 0.004)
    percentiles = {percentile_name(name, quantile) for name in METRICS for quantile in QUANTILES}
    without_calls = set(ALERT_NUMBERS) - {rate.name for rate in RATES} - percentiles
    assert set(AlertValues({"queue.depth"}).read(registry, 0.0)) == without_calls


def series(name: str, value: float, **tags: str) -> SeriesTotals:
    return SeriesTotals(name, tuple(sorted(tags.items())), 1, value, value)


def test_rates_leave_out_what_the_user_cancelled() -> None:
    totals = [
        series("llm.requests", 6, outcome="ok", agent="a"),
        series("llm.requests", 2, outcome="ok", agent="b"),
        series("llm.requests", 2, outcome="error", agent="a"),
        series("llm.requests", 90, outcome="cancelled", agent="a"),
        series("llm.retries", 5, agent="a", kind="cut"),
        series("llm.context_truncations", 1, agent="a"),
        series("breaker.open_seconds", 4, endpoint="a"),
        series("breaker.open_seconds", 9, endpoint="b"),
        series("breaker.open_seconds", 0, endpoint="c"),
        series("queue.depth", 3),
    ]

    assert derived_values(
        counter_totals(totals), totals, {"llm.request.p95_seconds": 1500.0, "llm.first_token.p95_seconds": None}
    ) == {
        "llm.requests": 10,
        "llm.error_rate": 0.2,
        "llm.success_rate": 0.8,
        "llm.retry_rate": 0.5,
        "llm.truncation_rate": 0.1,
        "llm.retries": 5,
        "llm.context_truncations": 1,
        "llm.request.p95_seconds": 1.5,
        "breaker.open_seconds": 9,
        "queue.depth": 3,
    }


def test_what_nothing_is_known_of_has_no_value() -> None:
    assert derived_values({}, [], {"llm.request.p95_seconds": None}) == {}
    assert AlertValues().read(NullRegistry(), 0.0) == {}


def test_counts_leave_the_window_when_they_are_old() -> None:
    clock = VirtualClock()
    registry, sliding = Registry(clock), AlertValues()

    def after(seconds: float, *outcomes: str) -> dict[str, float]:
        for _ in range(int(seconds / 5)):
            clock.advance(5)
            sliding.read(registry, clock.monotonic())
        for outcome in outcomes:
            registry.record("llm.requests", "counter", 1, {"outcome": outcome})
        return sliding.read(registry, clock.monotonic())

    registry.record("llm.requests", "counter", 7, {"outcome": "error"})  # before anybody looked
    assert after(0)["llm.requests"] == 0
    assert after(100, "error", "error")["llm.error_rate"] == 1.0
    assert after(100, "ok", "ok")["llm.error_rate"] == 0.5
    assert after(195)["llm.error_rate"] == 0.5
    assert after(10)["llm.error_rate"] == 0.0
    assert after(200) == {"llm.requests": 0}
    assert sliding.read(Registry(clock), clock.monotonic()) == {}
