"""What a run measures and logs: every metric that is declared is recorded, and the numbers are those of the run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.events import CallFinished, CallQueued, StepFinished
from core.telemetry import metrics
from core.telemetry.catalogue import CATALOGUE
from core.telemetry.logs import setup_logging, stop_logging
from core.telemetry.registry import Registry
from tests.support.fault_server import DONE, Step, error, finish, stream, token
from tests.support.team import CODE, bench

ONLY_WITH_FAULTS = {
    "llm.errors",
    "llm.retries",
    "llm.context_truncations",
    "breaker.state",
    "breaker.transitions",
    "files.rejected",
}
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
    """Return the names of all metrics that hold a value."""
    snapshot = metrics.get_metrics()
    series = [*snapshot["counters"], *snapshot["gauges"], *snapshot["histograms"]]
    return {name.partition("{")[0] for name in series}


def count_of(name: str) -> int:
    """Return how many durations a timing has taken, all its series together."""
    histograms: dict[str, Any] = metrics.get_metrics()["histograms"]
    return sum(series["count"] for key, series in histograms.items() if key.partition("{")[0] == name)


def lines(path: Path, message: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in found if line["message"] == message]


@pytest.mark.usefixtures("registry")
async def test_a_run_without_faults_records_everything_else_and_counts_right(tmp_path: Path) -> None:
    async with bench(tmp_path, llm__max_concurrency=1) as b:
        outcome = await b.engine.run("Reverse a text")

    calls = len(b.team.asked)
    usages = [event.usage for event in b.events.of(CallFinished)]
    assert recorded() == set(CATALOGUE) - ONLY_WITH_FAULTS
    assert metrics.total("llm.requests", outcome="ok") == metrics.total("llm.requests") == calls
    assert (count_of("llm.request"), count_of("llm.first_token")) == (calls, calls)
    assert metrics.total("llm.tokens", direction="input") == sum(usage.input_tokens for usage in usages) > 0
    assert metrics.total("llm.tokens", direction="output") == sum(usage.output_tokens for usage in usages) > 0
    assert metrics.total("files.written") == len(outcome.files) == 7
    assert count_of("agent.task") == len(b.events.of(StepFinished)) == 5
    assert count_of("workflow.run") == 1
    gauges = metrics.get_metrics()["gauges"]
    assert (gauges["pool.size"], gauges["pool.in_flight"], gauges["queue.depth"]) == (1, 0, 0)
    assert metrics.total("pool.in_flight") == calls  # one at a time: 1 while it is under way, 0 after it


@pytest.mark.usefixtures("registry")
async def test_calls_that_wait_for_their_turn_are_measured(tmp_path: Path) -> None:
    answer_now = asyncio.Event()
    opinion = stream(answer_now, token("It depends."), finish(), DONE)
    async with bench(tmp_path, {"opinion": opinion}, llm__max_concurrency=1) as b:
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
        "brief": [TOO_LONG, "# Brief\n\nR1: reverse a text\n"],
        "code_file": [error(500, "out of order"), CODE],
        "test_file": "There is no file in this answer.",
        "repair": "There is none in this one either.",
    }
    settings = {"circuit_breaker__threshold": 1, "circuit_breaker__timeout": 0.01, "circuit_breaker__half_open": 1}
    async with bench(tmp_path, answers, **settings) as b:
        await b.engine.run("Reverse a text " + "and keep its words " * 2000)

    assert recorded() == set(CATALOGUE)
    assert metrics.total("llm.errors", kind="context") == metrics.total("llm.context_truncations") == 1
    assert metrics.total("llm.errors", kind="server") == metrics.total("llm.retries", kind="server") == 1
    assert [metrics.total("breaker.transitions", to=state) for state in ("open", "half-open", "closed")] == [1, 1, 1]
    assert metrics.total("files.rejected", agent="qa_engineer") == 1


async def test_a_run_is_logged_with_its_ids_and_without_its_words(tmp_path: Path, log_file: Path) -> None:
    async with bench(tmp_path, {"code_file": [error(500, "out of order"), CODE]}) as b:
        outcome = await b.engine.run("Reverse a secret text")

    [started], [finished] = lines(log_file, "run started"), lines(log_file, "run finished")
    ended, failed = lines(log_file, "call ended"), lines(log_file, "attempt failed")
    assert started["correlation_id"] == finished["correlation_id"]
    assert (finished["workflow_id"], finished["extra"]["status"]) == ("delivery", "passed")
    assert finished["extra"]["run_id"] == outcome.run_id
    assert {line["correlation_id"] for line in [*ended, *failed]} == {started["correlation_id"]}
    assert len(ended) == len(b.events.of(CallFinished))
    assert all(line["duration_ms"] > 0 and line["agent_id"] and line["task_id"] for line in ended)
    [fault] = failed
    assert (fault["level"], fault["agent_id"], fault["extra"]["kind"]) == ("WARNING", "developer", "server")
    assert "secret text" not in log_file.read_text(encoding="utf-8")
