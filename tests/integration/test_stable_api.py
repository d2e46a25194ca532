"""The stable Python API as a user's script meets it: every name from `quintet`, paths as text, mistakes named in one line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.events import event_to_json
from core.telemetry.logs import current_correlation_id, stop_logging
from quintet import set_correlation_id, setup_logging
from tests.support.fault_server import error
from tests.support.team import CODE, engine_harness


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
