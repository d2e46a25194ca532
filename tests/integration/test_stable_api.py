"""The stable Python API as a user's script meets it: every name from `quintet`, paths as text, mistakes named in one line."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.events import event_to_json
from core.telemetry import metrics
from core.telemetry.logs import current_correlation_id, log, stop_logging
from core.telemetry.metrics.registry import Registry
from quintet import Engine, UsageError, get_metrics, increment, load_config, set_correlation_id, setup_logging
from tests.support.fault_server import FaultServer, error
from tests.support.team import CODE, engine_harness, team_settings, write_team


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "app.log"
    assert setup_logging(level="DEBUG", json_format=True, log_file=str(path)) is None
    yield path
    stop_logging()
    set_correlation_id("")


@pytest.mark.parametrize("where", ["a run", "a call"])
async def test_the_callers_correlation_id_is_the_id_of_everything(tmp_path: Path, log_file: Path, where: str) -> None:
    set_correlation_id("request-123")
    async with engine_harness(tmp_path, {"": "Hello", "code_file": [error(500, "x"), CODE]}) as b:
        if where == "a run":
            await b.engine.run("Reverse a text")
        else:
            await b.engine.agents["developer"].execute_llm_task("hi")

    assert {event_to_json(event)["correlation_id"] for event in b.events.events} == {"request-123"}
    asked = [request for request in b.server.journal if request.path.endswith("/chat/completions")]
    assert {request.headers["x-client-request-id"] for request in asked} == {"request-123"}
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert {line["correlation_id"] for line in lines} == {"request-123"}
    assert current_correlation_id() == "request-123"


async def test_two_requests_at_once_keep_their_ids_and_without_one_every_call_has_its_own(tmp_path: Path) -> None:
    async def ask(correlation_id: str) -> None:
        set_correlation_id(correlation_id)
        await b.engine.agents["developer"].execute_llm_task("hi")

    async with engine_harness(tmp_path, {"": "Hello"}) as b:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask("one"))
            group.create_task(ask("two"))
        assert {request.headers["x-client-request-id"] for request in b.server.journal} == {"one", "two"}
        for _ in range(2):
            await b.engine.agents["developer"].execute_llm_task("hi")
        await b.engine.run("Reverse a text")

    ids = {event_to_json(event)["correlation_id"] for event in b.events.events}
    assert len(ids) == 5
    assert current_correlation_id() == ""


@pytest.mark.parametrize(
    ("given", "sent"), [("Anfrage ü", "Anfrage %C3%BC"), ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1"), ("x" * 600, "x" * 512)]
)
async def test_an_id_that_no_header_can_carry_is_sent_in_another_spelling(
    tmp_path: Path, given: str, sent: str
) -> None:
    set_correlation_id(given)
    async with engine_harness(tmp_path, {"": "Hello"}) as b:
        await b.engine.agents["developer"].execute_llm_task("hi")

    assert {event_to_json(event)["correlation_id"] for event in b.events.events} == {given}
    assert b.server.journal[-1].headers["x-client-request-id"] == sent
    set_correlation_id("")


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    with metrics.use_registry(registry):
        yield registry


MISTAKES: dict[str, tuple[Callable[[Engine], Awaitable[object]], str]] = {
    "no task": (lambda engine: engine.run(None), "the task is None, and no text - say what the team shall build"),  # type: ignore[arg-type]
    "a number": (lambda engine: engine.run(42), "the task is 42, and no text"),  # type: ignore[arg-type]
    "no words": (lambda engine: engine.run("  "), "the task is empty"),
    "workflow": (
        lambda engine: engine.run("x", workflow="delivry"),
        "there is no workflow 'delivry' (did you mean delivery?) - known workflows: ",
    ),
    "no workflow": (lambda engine: engine.run("x", workflow=""), "there is no workflow ''"),
    "a workflow's number": (lambda engine: engine.run("x", workflow=1), "there is no workflow 1"),  # type: ignore[arg-type]
    "an agent": (
        lambda engine: engine.run("x", agents=["dev"]),
        "there is no agent 'dev' (did you mean developer or devops_engineer?) - the team: business_analyst, developer",
    ),
    "agents as text": (lambda engine: engine.run("x", agents="developer"), "give a list: agents=['developer']"),
    "agents of none": (lambda engine: engine.run("x", agents=[]), "nobody of workflow delivery is on"),
    "a folder": (lambda engine: engine.run("x", output_dir=3), "output_dir is 3 - give a path"),  # type: ignore[arg-type]
    "an empty folder": (lambda engine: engine.run("x", output_dir=""), "output_dir is ''"),
    "a NUL in a folder": (lambda engine: engine.run("x", output_dir="a\0b"), "output_dir holds a NUL character"),
    "a call's number": (
        lambda engine: engine.agents["developer"].execute_llm_task(42),  # type: ignore[arg-type]
        "the task is 42, and no text - give execute_llm_task a text",
    ),
    "a call's nothing": (lambda engine: engine.agents["developer"].execute_llm_task(""), "the task is empty"),
    "dev": (lambda engine: engine.agents["dev"].execute_llm_task("x"), "there is no agent 'dev' (did you mean"),
    "the first agent": (lambda engine: engine.agents[0].execute_llm_task("x"), "there is no agent 0"),  # type: ignore[index]
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_in_a_script_is_a_usage_error_that_says_what_to_do(tmp_path: Path, mistake: str) -> None:
    do, words = MISTAKES[mistake]
    async with engine_harness(tmp_path) as b:
        with pytest.raises(UsageError, match=re.escape(words)) as raised:
            await do(b.engine)
        assert "\n" not in str(raised.value)
        assert b.events.events == []
        assert ("dev" in b.engine.agents, b.engine.agents.get("dev")) == (False, None)


class AsyncSink:
    async def __call__(self, event: object) -> None:
        raise AssertionError(event)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (({}, print), "an Engine takes settings, not {} - give it what load_config() returns"),
        ((None, print), "an Engine takes settings, not None"),
        (("config.toml", print), "an Engine takes settings, not 'config.toml'"),
        ((..., None), "emit is None - give a function"),
        ((..., asyncio.sleep), "give a function of one event that is not async"),
        ((..., AsyncSink()), "give a function of one event that is not async"),
    ],
)
def test_an_engine_that_cannot_be_made_says_what_it_takes(arguments: tuple[Any, Any], words: str) -> None:
    settings, emit = arguments
    with pytest.raises(UsageError, match=re.escape(words)):
        Engine(load_config(env={}) if settings is ... else settings, emit=emit)


def test_an_engine_in_a_plain_with_says_what_to_write() -> None:
    engine = Engine(load_config(env={}), emit=print)
    with pytest.raises(UsageError, match="cannot be opened by `with` - use it as `async with Engine"), engine:
        pass


def test_a_word_that_an_engine_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match=r"there is no when_budget_is_reached 'fial' \(did you mean fail\?\)"):
        Engine(load_config(env={}), emit=print, when_budget_is_reached="fial")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"), [(42, "log_file is 42 - give a path"), ("", "log_file is ''"), ("a\0", "NUL")]
)
def test_a_log_file_that_is_no_path_is_refused_and_the_log_goes_on(log_file: Path, given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        setup_logging(log_file=given)
    with pytest.raises(ValueError, match="no log level"):
        setup_logging(level="LOUD")
    log("INFO", "goes on")

    assert "goes on" in log_file.read_text()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_engine_that_is_not_open_says_so(tmp_path: Path, when: str) -> None:
    write_team(tmp_path / "team")
    engine = Engine(team_settings(tmp_path, "http://127.0.0.1:9/v1"), emit=lambda _: None)
    words = "the engine is not open - use it as `async with Engine"
    if when == "after":
        async with engine:
            with pytest.raises(UsageError, match="this engine is open already"):
                await engine.__aenter__()
        words = "the engine is closed - make another one"
        with pytest.raises(UsageError, match="this engine is closed"):
            await engine.__aenter__()

    for use in (engine.run("x"), engine.agents["developer"].execute_llm_task("x"), engine.warm_up()):
        with pytest.raises(UsageError, match=words):
            await use
    assert not engine.status().running


@pytest.mark.parametrize("kind", [str, Path])
async def test_every_path_may_be_text(tmp_path: Path, kind: Callable[[Path], str | Path]) -> None:
    async with FaultServer() as server:
        write_team(tmp_path / "team")
        settings = load_config(
            overrides={
                "llm.base_url": server.base_url,
                "llm.model": "m",
                "team.prompts_dir": kind(tmp_path / "team"),
                "workspace.output_dir": kind(tmp_path / "output"),
                "logging.file": kind(tmp_path / "x.log"),
            },
            cwd=tmp_path,
            env={},
            user_config=tmp_path / "none.toml",
        )
        sessions = kind(tmp_path / "sessions")
        async with Engine(settings, emit=lambda _: None, sessions_folder=sessions) as engine:
            outcome = await engine.run("Reverse", workflow="roundtable", output_dir=kind(tmp_path / "out"))

    assert outcome.output_dir == tmp_path / "out"
    assert outcome.output_dir.is_dir()
    assert any((tmp_path / "sessions").iterdir())


async def test_two_engines_in_one_process_show_each_its_own_numbers(tmp_path: Path, registry: Registry) -> None:
    async with (
        engine_harness(tmp_path / "one", {"": "Hello"}) as one,
        engine_harness(tmp_path / "two", {"": [error(500, "x"), "Hello"]}) as two,
    ):
        await one.engine.agents["developer"].execute_llm_task("hi")
        for _ in range(2):
            await two.engine.agents["developer"].execute_llm_task("hi")
        first, second = one.engine.status(), two.engine.status()

        assert (first.requests, first.retries) == (1, 0)
        assert (second.requests, second.retries) == (2, 1)
        assert one.engine.metrics()["counters"]["llm.retries"] == 0
    assert registry.total("llm.requests") == 3
    assert (one.engine.status().requests, two.engine.status().requests) == (1, 2)


async def test_metrics_that_are_off_hold_for_an_engine_of_a_script(tmp_path: Path, registry: Registry) -> None:
    async with engine_harness(tmp_path, {"": "Hello"}, telemetry__enable_metrics=False) as b:
        await b.engine.agents["developer"].execute_llm_task("hi")
        status = b.engine.status()

    assert not [series for series in registry.totals() if series.count]
    assert (status.requests, status.latency.p50_seconds, b.engine.metrics()["counters"]) == (0, None, {})


async def test_what_the_design_writes_down_counts(tmp_path: Path, registry: Registry) -> None:
    async with engine_harness(tmp_path, {"": "Hello"}) as b:
        await b.engine.agents["developer"].execute_llm_task("hi", stream_callback=lambda _: increment("my.pieces"))
        increment("llm.request", tags={"agent": "developer"})
        increment("my.own.thing")
        status = b.engine.status()

    snapshot = get_metrics()
    assert snapshot["counters"]["llm.request{agent=developer}"] == 1
    assert snapshot["own"]["counters"] == {"my.pieces": 1, "my.own.thing": 1}
    assert status.requests == registry.total("llm.requests") == 1
