"""What a run measures and logs: every metric that is declared is recorded, and the numbers are those of the run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from core.engine import Engine
from core.errors import LLMCallError
from core.events import CallFinished, CallQueued, ContextTruncated, StepFinished, TokensReceived
from core.metrics_catalogue import METRICS
from core.sessions.journal import read_journal
from core.telemetry import metrics
from core.telemetry.logs import set_log_level, setup_logging, stop_logging
from core.telemetry.metrics.registry import NullRegistry, Registry
from tests.support.fault_server import DONE, FaultServer, Step, error, finish, ok, stream, token
from tests.support.team import CODE, DELIVERED, engine_harness, team_settings, write_team

ONLY_WITH_FAULTS = {
    "llm.errors",
    "llm.retries",
    "llm.context_truncations",
    "llm.continuations",
    "breaker.transitions",
    "breaker.open_seconds",
    "alerts.fired",
    "llm.timeouts",
    "files.rejected",
}
ONLY_WHEN_CONFIGURED = {"llm.fallbacks", "cache.hit", "cache.miss"}
STALL_SECONDS = 1.0
STALL = stream(token("def"), then="hold")
TOO_LONG = error(
    400, "This model's maximum context length is 4097 tokens. However, your messages resulted in 9294 tokens."
)


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    with metrics.use_registry(registry):
        yield registry


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "quintet.jsonl"
    assert setup_logging(log_file=path) is None
    yield path
    stop_logging()


def recorded() -> set[str]:
    """Return the names of all metrics that something was recorded of."""
    metrics.get_metrics()  # measures the process
    return {series.name for series in metrics.current_registry().totals() if series.count}


def counted() -> dict[str, float]:
    """Return the series of all counters that have counted something."""
    return {name: count for name, count in metrics.get_metrics()["counters"].items() if count}


def count_of(name: str) -> int:
    """Return how many durations a timing has taken, all its series together."""
    histograms = metrics.get_metrics()["histograms"]
    return sum(series["count"] for key, series in histograms.items() if key.partition("{")[0] == name)


def of_one_name(kind: Literal["counters", "gauges"], name: str) -> dict[str, float]:
    """Return all series of one metric."""
    return {key: value for key, value in metrics.get_metrics()[kind].items() if key.partition("{")[0] == name}


def lines(path: Path, message: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in found if line["message"] == message]


@pytest.mark.usefixtures("registry")
async def test_a_run_without_faults_records_everything_else_and_counts_right(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, llm__max_concurrency=1) as b:
        outcome = await b.engine.run("Reverse a text")

    calls = len(b.team.asked)
    usages = [event.usage for event in b.events.of(CallFinished)]
    assert recorded() == set(METRICS) - ONLY_WITH_FAULTS - ONLY_WHEN_CONFIGURED
    assert metrics.total("llm.requests", outcome="ok") == metrics.total("llm.requests") == calls
    assert (count_of("llm.request"), count_of("llm.first_token")) == (calls, calls)
    assert metrics.total("llm.tokens", direction="input") == sum(usage.input_tokens for usage in usages) > 0
    assert metrics.total("llm.tokens", direction="output") == sum(usage.output_tokens for usage in usages) > 0
    assert metrics.total("files.written") == len(outcome.files) == 7
    assert count_of("agent.task") == len(b.events.of(StepFinished)) == 6
    assert count_of("workflow.run") == 1
    gauges = metrics.get_metrics()["gauges"]
    assert (gauges["pool.size"], gauges["pool.in_flight"], gauges["queue.depth"]) == (1, 0, 0)
    assert metrics.total("pool.in_flight") == calls  # one at a time: 1 while it is under way, 0 after it


@pytest.mark.usefixtures("registry")
async def test_calls_that_wait_for_their_turn_are_measured(tmp_path: Path) -> None:
    answer_now = asyncio.Event()
    opinion = stream(answer_now, token("It depends."), finish(), DONE)
    async with engine_harness(tmp_path, {"opinion": opinion}, llm__max_concurrency=1) as b:
        running = asyncio.create_task(b.engine.run("Tabs or spaces?", workflow="roundtable"))
        await b.events.seen(CallQueued)
        depth = metrics.get_metrics()["gauges"]["queue.depth"]
        answer_now.set()
        outcome = await running

    assert 1 <= depth <= 4
    assert metrics.get_metrics()["gauges"]["queue.depth"] == 0
    assert outcome.status == "passed"


@pytest.mark.usefixtures("registry")
async def test_a_run_with_faults_records_all_that_is_declared(tmp_path: Path) -> None:
    answers: dict[str, str | Sequence[str | Step]] = {
        "brief": [TOO_LONG, STALL, "# Brief\n\nR1: reverse a text\n"],
        "code_file": [error(500, "out of order"), ok(CODE[:20], reason="length"), CODE[20:]],
        "test_file": "There is no file in this answer.",
        "repair": "There is none in this one either.",
    }
    settings: dict[str, Any] = {
        "circuit_breaker__threshold": 1,
        "circuit_breaker__timeout": 0.01,
        "circuit_breaker__half_open": 1,
    }
    async with engine_harness(tmp_path, answers, llm__stall_timeout=STALL_SECONDS, **settings) as b:
        await b.engine.run("Reverse a text " + "and keep its words " * 2000)

    assert recorded() == set(METRICS) - ONLY_WHEN_CONFIGURED
    assert metrics.total("llm.continuations", agent="developer") == 1
    assert metrics.total("llm.errors", kind="context") == 1
    # The window that the first refusal has named is kept to from then on.
    assert metrics.total("llm.context_truncations") == len(b.events.of(ContextTruncated)) > 1
    assert metrics.total("llm.errors", kind="server") == metrics.total("llm.retries", kind="server") == 1
    assert metrics.total("llm.errors", kind="stall") == metrics.total("llm.timeouts") == 1
    assert [metrics.total("breaker.transitions", to=state) for state in ("open", "half-open", "closed")] == [2, 2, 2]
    assert of_one_name("counters", "alerts.fired") == {
        "alerts.fired{name=breaker_opened}": 2,
        "alerts.fired{name=breaker_recovered}": 2,
    }
    assert set(of_one_name("gauges", "breaker.open_seconds").values()) == {0}  # closed again
    assert metrics.total("files.rejected", agent="qa_engineer") == 1


@pytest.mark.usefixtures("registry")
async def test_after_a_run_with_known_faults_the_counts_are_exactly_those(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[pricing."test-model"]\ninput = 1\noutput = 2.5\n[[alerts]]\nname = "queue_deep"\nenabled = false\n'
    )
    answers: dict[str, str | Sequence[str | Step]] = {
        "brief": [error(500, "out of order"), error(429, "slow down"), "# Brief\n\nR1: reverse a text\n"],
        "code_file": [STALL, stream(token("def"), then="reset"), CODE],
        "test_file": "There is no file in this answer.",
        "repair": "Nor in this one.",
        "readme": [error(401, "who are you?")],
    }
    async with engine_harness(tmp_path, answers, llm__stall_timeout=STALL_SECONDS) as b:
        await b.engine.run("Reverse a text")
        status = b.engine.status()

    calls = {"business_analyst": 1, "developer": 2, "qa_engineer": 3, "devops_engineer": 3}
    of_calls = {
        name: count
        for agent, number in calls.items()
        for name, count in (
            (f"llm.requests{{agent={agent},model=test-model,outcome=ok}}", number),
            (f"llm.tokens{{agent={agent},direction=input,estimated=false}}", 11 * number),
            (f"llm.tokens{{agent={agent},direction=output,estimated=false}}", 7 * number),
            (f"llm.cost{{agent={agent},model=test-model}}", pytest.approx(28.5e-6 * number)),
        )
    }
    assert counted() == of_calls | {
        "llm.requests{agent=technical_writer,model=test-model,outcome=error}": 1,
        "llm.errors{agent=business_analyst,kind=server}": 1,
        "llm.errors{agent=business_analyst,kind=rate_limit}": 1,
        "llm.errors{agent=developer,kind=stall}": 1,
        "llm.errors{agent=developer,kind=cut}": 1,
        "llm.errors{agent=technical_writer,kind=auth}": 1,
        "llm.timeouts{agent=developer,kind=stall}": 1,
        "llm.retries{agent=business_analyst,kind=server}": 1,
        "llm.retries{agent=business_analyst,kind=rate_limit}": 1,
        "llm.retries{agent=developer,kind=stall}": 1,
        "llm.retries{agent=developer,kind=cut}": 1,
        **{f"agent.tasks_started{{agent={agent}}}": 1 for agent in (*calls, "technical_writer")},
        "agent.tasks_ended{agent=business_analyst,outcome=ok}": 1,
        "agent.tasks_ended{agent=developer,outcome=ok}": 1,
        "agent.tasks_started{agent=qa_engineer}": 2,
        "agent.tasks_ended{agent=qa_engineer,outcome=failed}": 1,
        "agent.tasks_ended{agent=qa_engineer,outcome=ok}": 1,
        "agent.tasks_ended{agent=devops_engineer,outcome=ok}": 1,
        "agent.tasks_ended{agent=technical_writer,outcome=failed}": 1,
        "files.written{agent=business_analyst}": 1,
        "files.written{agent=developer}": 1,
        "files.written{agent=devops_engineer}": 3,
        "files.rejected{agent=qa_engineer}": 1,
        "workflow.runs_started{workflow=delivery}": 1,
        "workflow.runs_ended{outcome=failed,workflow=delivery}": 1,
    }
    gauges = metrics.get_metrics()["gauges"]
    assert (gauges["agents.active"], gauges["tasks.active"], gauges["process.uptime"] > 0) == (0, 0, True)
    assert all(speed > 0 for speed in of_one_name("gauges", "llm.tokens_per_second").values())
    # The one failed call was refused before it had anything to pay for.
    assert (status.run_cost.usd, status.run_cost.priced_calls) == (Decimal("0.0002565"), 9)
    assert status.run_cost.words() == status.session_cost.words() == "$0.0003"
    costs = {agent.agent_id: agent.cost.usd for agent in status.agents}
    assert costs == {agent: Decimal("0.0000285") * number for agent, number in {**calls, "technical_writer": 0}.items()}


@pytest.mark.usefixtures("registry")
async def test_a_run_that_is_cancelled_ends_what_it_has_started(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"brief": stream(token("# Br"), then="hold")}) as b:
        running = asyncio.create_task(b.engine.run("Reverse a text"))
        await b.events.seen(TokensReceived)
        at_work = metrics.get_metrics()["gauges"]
        b.engine.cancel_run()
        await running
        status = b.engine.status()

    assert (at_work["agents.active"], at_work["tasks.active"]) == (1, 1)
    assert of_one_name("counters", "agent.tasks_ended") == {
        "agent.tasks_ended{agent=business_analyst,outcome=cancelled}": 1
    }
    assert metrics.total("workflow.runs_ended", outcome="stopped") == metrics.total("workflow.runs_started") == 1
    assert metrics.total("llm.requests", outcome="cancelled") == 1
    assert metrics.get_metrics()["gauges"]["agents.active"] == 0
    assert status.run_cost.words() == "local"


@pytest.mark.usefixtures("registry")
async def test_failed_means_a_call_and_not_an_attempt_of_one_that_was_answered(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"": "Hello"}, llm__max_retries=1) as b:
        b.server.script([error(500, "x")])
        await b.engine.agents["developer"].execute_llm_task("hi")
        recovered = b.engine.status()
        b.server.script([error(500, "x"), error(500, "x")])
        with pytest.raises(LLMCallError):
            await b.engine.agents["developer"].execute_llm_task("hi")
        failed = b.engine.status()

    assert (recovered.requests, recovered.errors, recovered.failed_attempts, recovered.retries) == (1, 0, 1, 1)
    assert (failed.requests, failed.errors, failed.failed_attempts, failed.retries) == (2, 1, 3, 2)


@pytest.mark.usefixtures("registry")
async def test_a_call_outside_of_a_run_is_charged_to_its_agent(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[pricing."test-model"]\ninput = 1000\noutput = 1000\n')
    async with engine_harness(tmp_path, {"": "Hello"}) as b:
        await b.engine.agents["developer"].execute_llm_task("hi")
        status = b.engine.status()

    costs = {agent.agent_id: agent.cost.usd for agent in status.agents if agent.cost.usd}
    assert costs == {"developer": status.session_cost.usd}
    assert b.engine.agent_status("developer").cost.usd > 0
    assert status.run_cost.usd == 0


@pytest.mark.usefixtures("registry")
async def test_a_call_that_breaks_off_is_paid_for_as_far_as_it_has_come(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[pricing."test-model"]\ninput = 1000\noutput = 1000\n')
    async with engine_harness(tmp_path, llm__max_retries=0) as b:
        b.server.script([stream(token("def"), then="reset"), error(500, "out of order")])
        for _ in range(2):
            with pytest.raises(LLMCallError):
                await b.engine.agents["developer"].execute_llm_task("JOB brief")
        cost = b.engine.status().session_cost

    assert (cost.priced_calls, cost.unknown_calls, cost.is_estimated) == (1, 0, True)
    assert cost.words() == f"about ${cost.usd:.4f}"
    assert metrics.total("llm.cost") == float(cost.usd) > 0


@pytest.mark.usefixtures("registry")
async def test_the_price_of_a_model_that_nobody_knows_is_not_shown_as_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    write_team(tmp_path / "team")
    async with FaultServer() as server:
        # Another spelling of 127.0.0.1, which is not taken for this machine.
        settings = team_settings(tmp_path, f"http://127.1:{server.port}/v1")
        async with Engine(settings, emit=lambda _: None, sessions_folder=tmp_path / "sessions") as engine:
            await engine.agents["developer"].execute_llm_task("hello")
            cost = engine.status().session_cost

    assert (cost.unknown_calls, cost.words()) == (1, "-")
    assert "llm.cost" not in recorded()
    assert metrics.total("llm.tokens") == 18


async def test_with_metrics_off_a_run_goes_on_and_keeps_no_number(tmp_path: Path) -> None:
    with metrics.use_registry(NullRegistry()):
        async with engine_harness(tmp_path, {"code_file": [error(500, "out of order"), CODE]}) as b:
            outcome = await b.engine.run("Reverse a text")
            status = b.engine.status()
        snapshot = metrics.get_metrics()

    assert outcome.status == DELIVERED
    assert (snapshot["counters"], snapshot["gauges"], snapshot["histograms"]) == ({}, {}, {})
    assert (status.requests, status.retries, status.alerts) == (0, 0, ())


@pytest.mark.usefixtures("registry")
async def test_a_cache_and_a_fallback_are_counted_where_they_are_configured(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"llm__cache": True, "llm__temperature": 0.0, "llm__fallbacks": ({"model": "spare"},)}
    async with engine_harness(tmp_path, **settings) as b:
        b.server.script([error(402, "pay")], model="test-model")
        first = await b.engine.agents["developer"].execute_llm_task("JOB brief")
        for _ in range(2):
            again = await b.engine.agents["qa_engineer"].execute_llm_task("JOB opinion_of_work", scope=None)

    assert (first.cached, again.cached) == (False, False)
    assert metrics.total("llm.fallbacks", kind="quota") == 1
    assert (metrics.total("cache.hit"), metrics.total("cache.miss")) == (0, 3)


@pytest.mark.usefixtures("registry")
async def test_an_answer_from_the_cache_is_counted_as_a_hit_and_costs_no_tokens(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, llm__cache=True, llm__temperature=0.0) as b:
        for _ in range(2):
            await b.engine.agents["developer"].execute_llm_task("JOB brief")
        cost = b.engine.status().session_cost

    assert (metrics.total("cache.hit"), metrics.total("cache.miss")) == (1, 1)
    assert metrics.total("llm.requests", outcome="ok") == 2
    assert count_of("llm.request") == 2
    assert metrics.total("llm.tokens", direction="output") == 7
    assert cost.local_calls == 1


async def test_at_level_debug_the_log_shows_the_life_of_a_run(tmp_path: Path, log_file: Path) -> None:
    set_log_level("DEBUG")
    answers: dict[str, str | Sequence[str | Step]] = {
        "code_file": [error(500, "out of order"), CODE],
        "test_file": "There is no file in this answer.",
        "repair": "There is none in this one either.",
    }
    breaker: dict[str, Any] = {"circuit_breaker__threshold": 1, "circuit_breaker__timeout": 0.01}
    async with engine_harness(tmp_path, answers, circuit_breaker__half_open=1, **breaker) as b:
        await b.engine.run("Reverse a text of the moon")

    [started] = [line for line in lines(log_file, "step started") if line["agent_id"] == "developer"]
    assert (started["extra"]["step"], started["extra"]["round"], started["workflow_id"]) == ("build", 0, "delivery")
    [ended] = [line for line in lines(log_file, "step finished") if line["extra"]["step"] == "test"]
    assert ended["extra"]["status"] == "failed"
    assert "no file" in ended["extra"]["notes"] or "not accepted" in ended["extra"]["notes"]
    hand_offs = [(line["extra"]["from"], line["extra"]["to"]) for line in lines(log_file, "hand off made")]
    assert ("business_analyst", "developer") in hand_offs
    assert "reverse" in lines(log_file, "file written")[1]["extra"]["path"]
    rejected = lines(log_file, "file rejected")[-1]
    assert rejected["agent_id"] == "qa_engineer"
    assert rejected["extra"]["why"]
    attempts = [line for line in lines(log_file, "attempt started") if line["agent_id"] == "developer"]
    assert [line["extra"]["attempt"] for line in attempts][:1] == [1]
    [decided] = lines(log_file, "attempt decided")
    assert (decided["extra"]["kind"], decided["extra"]["will_retry"]) == ("server", True)
    assert decided["extra"]["decision"] == f"retry in {decided['extra']['wait_seconds']:.2f} s"
    changes = [line["extra"]["new"] for line in lines(log_file, "breaker changed")]
    assert changes == ["open", "half-open", "closed"]
    text = log_file.read_text()
    assert "a text of the" not in text
    assert "tokens received" not in text


async def test_a_run_is_logged_with_its_ids_and_without_its_words(tmp_path: Path, log_file: Path) -> None:
    async with engine_harness(tmp_path, {"code_file": [error(500, "out of order"), CODE]}) as b:
        outcome = await b.engine.run("Reverse a secret text")

    [started], [finished] = lines(log_file, "run started"), lines(log_file, "run finished")
    ended, failed = lines(log_file, "call ended"), lines(log_file, "attempt failed")
    assert started["correlation_id"] == finished["correlation_id"]
    assert (finished["workflow_id"], finished["extra"]["status"]) == ("delivery", DELIVERED)
    assert finished["extra"]["run_id"] == outcome.run_id
    assert {line["correlation_id"] for line in [*ended, *failed]} == {started["correlation_id"]}
    assert len(ended) == len(b.events.of(CallFinished))
    assert all(line["duration_ms"] > 0 and line["agent_id"] and line["task_id"] for line in ended)
    [fault] = failed
    assert (fault["level"], fault["agent_id"], fault["extra"]["kind"]) == ("WARNING", "developer", "server")
    assert "secret text" not in log_file.read_text(encoding="utf-8")


async def test_one_correlation_id_leads_to_the_whole_story_of_a_run(tmp_path: Path, log_file: Path) -> None:
    set_log_level("DEBUG")
    answers: dict[str, str | Step | Sequence[str | Step]] = {
        "code_file": [error(500, "out of order"), CODE],
        "readme": [stream(token("# Rev"), then="reset"), "# Reverse\n\nReverses a text. Run it with python.\n"],
    }
    async with engine_harness(tmp_path, answers) as b:
        await b.engine.run("Reverse a text")
        requests = [request for request in b.server.journal if request.method == "POST"]

    [started] = lines(log_file, "run started")
    story = started["correlation_id"]
    told = [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]
    at_once = slice(told.index(started), told.index(lines(log_file, "run finished")[0]) + 1)
    assert [line["message"] for line in told[at_once] if line["correlation_id"] != story] == []
    assert {"attempt failed", "call ended"} <= {line["message"] for line in told[at_once]}
    assert {request.headers["x-client-request-id"] for request in requests} == {story}
    assert {event.correlation_id for event in b.events.events} == {story}
    (journal,) = (tmp_path / "sessions").glob("*/journal.jsonl")
    assert {event["correlation_id"] for event in read_journal(journal)} == {story}


@pytest.mark.usefixtures("registry")
async def test_every_answer_is_paid_for_at_the_price_of_who_gave_it_and_a_kept_one_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[pricing."test-model"]\ninput = 1\noutput = 2.5\n[pricing.spare]\ninput = 10\noutput = 20\n'
    )
    settings: dict[str, Any] = {"llm__cache": True, "llm__temperature": 0.0, "llm__fallbacks": ({"model": "spare"},)}
    costs = []
    async with engine_harness(tmp_path, **settings) as b:
        b.server.script([error(500, "out of order"), ok("# Brief")], model="test-model")
        for job in ("brief", "brief", "opinion_of_work"):
            await b.engine.agents["developer"].execute_llm_task(f"JOB {job}")
            costs.append(b.engine.status().session_cost.usd)
        b.server.script([error(402, "pay")], model="test-model")
        await b.engine.agents["developer"].execute_llm_task("JOB readme")
        cost = b.engine.status().session_cost

    # 11 tokens there and 7 back: the repeated request costs nothing, the second answer is kept, the last is the spare's.
    first = Decimal("0.0000285")
    assert costs == [first, first, 2 * first]
    assert (cost.usd, cost.priced_calls, cost.words()) == (2 * first + Decimal("0.00025"), 3, "$0.0003")
    assert metrics.total("llm.cost", model="spare") == pytest.approx(0.00025)
