"""Alerts and budgets of a whole engine: an outage and a recovery on a clock of our own, and a run that is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pytest

from core.engine import Engine
from core.errors import ConfigValidationError, LLMCallError
from core.events import AlertFired, AlertResolved, BudgetReached, CallFinished, RunFinished
from core.llm.http.pool import MAX_CONNECTIONS, get_llm_client
from core.telemetry import metrics
from core.telemetry.alerts.watch import EVALUATE_EVERY_SECONDS
from core.telemetry.metrics.registry import Registry
from tests.integration.test_cli import quintet, served
from tests.support.clock import VirtualClock
from tests.support.events import Recorder
from tests.support.fault_server import FaultServer, error, silence
from tests.support.team import DELIVERED, ScriptedTeam, engine_harness, team_settings, write_team

TOKENS_OF_A_CALL = 11 + 7


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(manual=True)


@pytest.fixture(autouse=True)
def registry(clock: VirtualClock) -> Iterator[Registry]:
    registry = Registry(clock)
    with metrics.use_registry(registry):
        yield registry


class EngineUnderOutage:
    """An engine at a server that can go away, and a clock that is moved by hand."""

    def __init__(self, engine: Engine, server: FaultServer, events: Recorder, clock: VirtualClock) -> None:
        self.engine = engine
        self.server = server
        self.clock = clock
        self.events = events
        self._seen = 0

    async def call(self, times: int = 1) -> None:
        """Make calls, whether they are answered or not."""
        for _ in range(times):
            with suppress(LLMCallError):
                await self.engine.agents["developer"].execute_llm_task("JOB brief")

    async def wait(self, seconds: float, *, calls: int = 0) -> None:
        """Let time pass from one evaluation to the next, with so many calls between two of them."""
        for _ in range(round(seconds / EVALUATE_EVERY_SECONDS)):
            await self.call(calls)
            self.clock.advance(EVALUATE_EVERY_SECONDS)
            for _ in range(5):
                await asyncio.sleep(0)  # the watch has its turn

    def new_alerts(self) -> list[str]:
        """Return the alerts that began and ended since the last time, as "+name" and "-name"."""
        alerts = [event for event in self.events.events if isinstance(event, AlertFired | AlertResolved)]
        new, self._seen = alerts[self._seen :], len(alerts)
        return [("+" if isinstance(event, AlertFired) else "-") + event.name for event in new]

    def active(self) -> list[str]:
        return [alert.name for alert in self.engine.status().alerts]


@asynccontextmanager
async def service(folder: Path, clock: VirtualClock, **overrides: object) -> AsyncIterator[EngineUnderOutage]:
    write_team(folder / "team")
    (folder / "project").mkdir()
    events = Recorder()
    async with FaultServer() as server:
        server.answer_by(ScriptedTeam())
        dotted = {name.replace("__", "."): value for name, value in overrides.items()}
        settings = team_settings(
            folder,
            server.base_url,
            **{"llm.max_retries": 0, "circuit_breaker.when_open": "fail", **dotted},
        )
        async with Engine(settings, emit=events, clock=clock, sessions_folder=folder / "sessions") as engine:
            yield EngineUnderOutage(engine, server, events, clock)


async def test_an_outage_and_a_recovery_are_told_from_end_to_end(tmp_path: Path, clock: VirtualClock) -> None:
    async with service(tmp_path, clock) as s:
        await s.call(20)
        await s.wait(60)
        assert (s.new_alerts(), s.active()) == ([], [])

        await s.server.vanish()
        await s.call(5)
        assert s.new_alerts() == ["+breaker_opened"]  # at once, and not only at the next look
        await s.call(5)  # refused by the breaker: 10 of 30 calls have failed
        await s.wait(30)
        assert s.new_alerts() == ["+pool_all_unhealthy"]
        await s.wait(5)
        assert (s.new_alerts(), s.active()) == (["+success_rate_low"], ["success_rate_low", "pool_all_unhealthy"])

        await s.wait(265, calls=1)  # what is tried in between fails, so the breaker is not closed for one moment
        assert (s.new_alerts(), s.active()) == ([], ["success_rate_low", "pool_all_unhealthy"])
        await s.wait(5)
        assert s.new_alerts() == ["+breaker_open_long"]
        assert s.active() == ["breaker_open_long", "success_rate_low", "pool_all_unhealthy"]
        assert s.engine.status().alerts[0].message.startswith("127.0.0.1:")

        await s.server.come_back()
        s.clock.advance(60)
        await s.call(3)  # the probes that close it
        assert s.new_alerts() == ["+breaker_recovered"]
        await s.wait(5)
        assert (s.new_alerts(), s.active()) == (["-breaker_open_long", "-pool_all_unhealthy"], ["success_rate_low"])

        await s.wait(600, calls=1)
        assert [name for name in s.new_alerts() if "success_rate" in name] == ["-success_rate_low"]
        assert s.active() == []
        assert s.engine.status().breakers[0].state == "closed"

    fired = {name: count for name, count in metrics.get_metrics()["counters"].items() if name.startswith("alerts.")}
    assert {name: count for name, count in fired.items() if "error_rate" not in name} == {
        "alerts.fired{name=breaker_opened}": 1,
        "alerts.fired{name=success_rate_low}": 1,
        "alerts.fired{name=pool_all_unhealthy}": 1,
        "alerts.fired{name=breaker_open_long}": 1,
        "alerts.fired{name=breaker_recovered}": 1,
    }


async def test_a_limit_of_the_user_holds_in_a_run_and_the_alert_carries_its_ids(
    tmp_path: Path, clock: VirtualClock
) -> None:
    alerts = (
        {"name": "error_rate_high", "min_samples": 1, "for_seconds": 0},
        {"name": "success_rate_low", "enabled": False},
    )
    async with service(tmp_path, clock, alerts=alerts) as s:
        s.server.script([error(400, "no such thing")])
        running = asyncio.create_task(s.engine.run("Tabs or spaces?", workflow="roundtable"))
        await s.events.seen(CallFinished)
        while s.engine.status().alerts == () and not running.done():
            await s.wait(5)
        await running

    fired = s.events.of(AlertFired)
    [ended] = s.events.of(RunFinished)
    assert [event.name for event in fired] == ["error_rate_high"]
    assert (fired[0].run_id, fired[0].correlation_id) == (ended.run_id, ended.correlation_id)


async def test_an_alert_of_an_unknown_name_is_refused_before_there_is_an_engine(
    tmp_path: Path, clock: VirtualClock
) -> None:
    with pytest.raises(ConfigValidationError, match="did you mean queue_deep"):
        async with service(tmp_path, clock, alerts=({"name": "queue_deeep"},)):
            pass


async def test_an_alert_of_the_users_own_looks_at_what_is_measured_here(tmp_path: Path, clock: VirtualClock) -> None:
    alerts = ({"name": "large", "metric": "process.memory", "above": 1.0},)

    async with service(tmp_path, clock, alerts=alerts) as s:
        await s.call()
        await s.wait(EVALUATE_EVERY_SECONDS)

        assert s.active() == ["large"]
        assert s.engine.status().alerts[0].message.endswith(" MB, above the limit of 0 MB")


async def test_requests_that_wait_for_a_connection_exhaust_the_pool(tmp_path: Path, clock: VirtualClock) -> None:
    async with service(tmp_path, clock) as s:
        s.server.script([silence()] * (MAX_CONNECTIONS + 3))
        client = await get_llm_client()
        question = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        asking = [
            asyncio.create_task(client.post("/chat/completions", body=question, cast_to=object))
            for _ in range(MAX_CONNECTIONS + 3)
        ]
        await s.server.requests(MAX_CONNECTIONS)
        await s.wait(2 * EVALUATE_EVERY_SECONDS)

        assert s.active() == ["pool_exhausted"]
        assert s.engine.status().alerts[0].message.startswith("3 requests wait for a connection")
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        await s.wait(30 + EVALUATE_EVERY_SECONDS)
        assert s.active() == []


async def test_the_watch_ends_with_its_engine(tmp_path: Path, clock: VirtualClock) -> None:
    async with service(tmp_path, clock):
        await clock.until_asleep(1)
        assert [task.get_name() for task in asyncio.all_tasks()].count("alerts") == 1

    assert [task.get_name() for task in asyncio.all_tasks()].count("alerts") == 0


async def test_a_run_that_has_used_up_its_budget_waits_for_the_user_and_goes_on(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, budget__tokens=3 * TOKENS_OF_A_CALL - 1) as b:
        running = asyncio.create_task(b.engine.run("Reverse a text"))
        for number in (1, 2):
            await b.events.seen(BudgetReached, number)
            held = b.engine.status()
            asked = len(b.team.asked)
            assert (held.running, held.paused) == (True, True)
            assert asked == len(b.events.of(CallFinished))  # nothing has been sent since
            b.engine.resume_run()
        outcome = await running

    limits = [(event.what, event.limit, event.used) for event in b.events.of(BudgetReached)]
    assert limits[:1] == [("tokens", 53, 54)]
    assert [limit for _, limit, _ in limits] == [53, 106]
    assert limits[1][2] in (108, 126)  # two may work side by side
    assert outcome.status == DELIVERED


async def test_money_is_counted_by_the_prices_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[pricing."test-model"]\ninput = 1000\noutput = 1000\n')
    async with engine_harness(tmp_path, budget__usd=0.03) as b:
        running = asyncio.create_task(b.engine.run("Reverse a text"))
        await b.events.seen(BudgetReached)
        status = b.engine.status()
        b.engine.cancel_run()
        outcome = await running

    [reached] = b.events.of(BudgetReached)
    assert (reached.what, reached.limit, reached.used) == ("usd", 0.03, 0.036)
    assert (status.run_cost.usd, status.run_cost.words()) == (Decimal("0.036"), "$0.0360")
    assert (len(b.team.asked), outcome.status) == (2, "stopped")


@pytest.mark.parametrize(("when", "status"), [("fail", "failed"), ("go_on", DELIVERED)])
async def test_without_a_user_to_ask_a_run_fails_at_its_budget_or_goes_on(
    tmp_path: Path, when: str, status: str
) -> None:
    write_team(tmp_path / "team")
    (tmp_path / "project").mkdir()
    events = Recorder()
    async with FaultServer() as server:
        team = ScriptedTeam()
        server.answer_by(team)
        settings = team_settings(tmp_path, server.base_url, **{"budget.tokens": TOKENS_OF_A_CALL * 2})
        async with Engine(
            settings,
            emit=events,
            sessions_folder=tmp_path / "sessions",
            when_budget_is_reached="fail" if when == "fail" else "go_on",
        ) as engine:
            outcome = await engine.run("Reverse a text")

    assert outcome.status == status
    first = events.of(BudgetReached)[0]
    assert (first.what, first.limit, first.used) == ("tokens", 36, 36)
    if when == "fail":
        assert len(team.asked) == 2
        assert outcome.reason == (
            "the budget of the run is used up: 36 of 36 tokens - raise BUDGET_TOKENS, or go on with --yes"
        )
        assert outcome.files == ("brief.md",)
    else:
        assert len(events.of(BudgetReached)) > 2


@pytest.mark.parametrize(
    ("options", "code", "end"),
    [
        ((), 1, "raise BUDGET_TOKENS, or go on with --yes"),
        (("--yes",), 3, "unverified, verdict not_executed"),
    ],
)
async def test_a_run_without_a_terminal_ends_at_its_budget_unless_it_may_go_on(
    tmp_path: Path, options: tuple[str, ...], code: int, end: str
) -> None:
    async with served(tmp_path) as (_, variables):
        ended = await quintet(
            tmp_path, "run", "Reverse a text", *options, variables={**variables, "BUDGET_TOKENS": "36"}
        )

    assert ended.code == code
    assert "  ! budget reached: 36 of 36 tokens\n" in ended.err
    assert end in ended.err
