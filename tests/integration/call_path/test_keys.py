"""The API key stays where it belongs: in the Authorization header of requests to its own server, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from core.errors import LLMCallError
from core.llm.call.cache import ResponseCache
from core.telemetry.logs import setup_logging, stop_logging
from tests.support.call_harness import CallHarness
from tests.support.fault_server import (
    DONE,
    FaultServer,
    Step,
    error,
    event,
    finish,
    hang_up,
    ok,
    status,
    stream,
    token,
)

KEY = "sesame/open+0123456789"
IN_AN_ADDRESS = quote(KEY, safe="")

ECHOES = {
    "401": error(401, f"wrong key {KEY}", code=KEY, type=KEY),
    "404": error(404, f"no model for {KEY}"),
    "500": error(500, f"{KEY} \x1b[31m{KEY}", param=KEY),
    "text": status(503, f"Authorization: Bearer {KEY}"),
    "html": status(200, f"<html><title>{KEY}</title>{KEY}</html>"),
    "redirect": status(302, "", {"Location": f"https://example.org/?key={IN_AN_ADDRESS}&plain={KEY}"}),
    "in the stream": stream(token("Hello"), event({"error": {"message": f"bad {KEY}", "code": 401}})),
    "no JSON": stream(f"data: {{{KEY}\n\n".encode()),
    "ending": stream(token("Hello"), finish(f"because {KEY}"), DONE),
    "nothing": hang_up(),
    "adapted": error(400, f"Unrecognized request argument supplied by {KEY}: stream_options"),
    "too long": error(400, f"{KEY} exceeds the available context size (4096 tokens)"),
    "answered": ok(),
}


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "log" / "quintet.log"
    setup_logging(level="DEBUG", log_file=path, content=True)
    yield path
    stop_logging()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("step", ECHOES.values(), ids=ECHOES.keys())
async def test_a_key_that_a_server_repeats_is_written_nowhere(
    harness: CallHarness, tmp_path: Path, log_file: Path, step: Step
) -> None:
    cache = ResponseCache(tmp_path / "cache" / "answers.sqlite", harness.clock)
    harness.configure(max_retries=1, cache=cache)
    harness.server.models = (f"model-for-{KEY}",)
    harness.server.script([step, step])
    shown: list[str] = []

    try:
        reply = await harness.call("word " * 3000, temperature=0, endpoint=harness.endpoint(api_key=KEY))
        shown.append(f"{reply!r}")
    except LLMCallError as failed:
        shown.extend(f"{one} {one!r} {vars(one)}" for one in _chain(failed))

    await cache.close()
    stop_logging()
    assert harness.server.journal[0].headers["authorization"] == f"Bearer {KEY}"
    shown.append(f"{harness.recorder.events!r} {harness.metrics.snapshot()} {harness.pool.stats()} {harness.pool!r}")
    shown.append(f"{harness.caller.breakers()} {harness.caller.pool_status()} {harness.endpoint(api_key=KEY)!r}")
    shown.extend(file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file())
    assert log_file.stat().st_size > 0
    for secret in (KEY, IN_AN_ADDRESS, quote(KEY)):
        assert [text for text in shown if secret in text] == []


async def test_a_fallback_does_not_get_the_key_of_the_first_choice(harness: CallHarness) -> None:
    async with FaultServer() as other:
        harness.configure(max_retries=0)
        harness.server.script([status(503)])
        spare = harness.endpoint(base_url=other.base_url)

        await harness.call(endpoint=harness.endpoint(api_key=KEY), fallbacks=(spare,))

        asked = [*other.journal, *other.lookups]
        assert len(other.journal) == 1
        assert KEY not in f"{asked}"


async def test_a_redirect_is_not_followed_with_the_key(harness: CallHarness) -> None:
    async with FaultServer() as other:
        harness.server.script([status(307, "", {"Location": f"{other.base_url}/chat/completions"})])
        harness.server.routes["/props"] = harness.server.routes["/health"] = status(
            307, "", {"Location": other.base_url}
        )

        await harness.fail(endpoint=harness.endpoint(api_key=KEY))

        assert (other.journal, other.lookups, other.connections) == ([], [], 0)
