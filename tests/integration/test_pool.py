"""The pool of clients: shared, counted, replaced by age without cutting a stream, and silent about keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from openai import AsyncOpenAI, OpenAIError

from core.errors import UsageError
from core.llm.endpoint import Endpoint, ServerFacts, make_endpoint
from core.llm.http.pool import ClientPool, get_llm_client, get_pool_stats
from core.llm.servers.facts import is_healthy, offered_models
from tests.support.call_harness import CallHarness, open_call_harness
from tests.support.clock import VirtualClock
from tests.support.fault_server import (
    DONE,
    FaultServer,
    Step,
    error,
    finish,
    hang_up,
    ok,
    silence,
    stream,
    token,
    whole,
)


async def test_all_calls_to_a_server_share_one_client_and_its_connections() -> None:
    async with open_call_harness() as harness:
        for _ in range(5):
            await harness.call()

        assert harness.pool.stats()["active_clients"] == 1
        assert {request.connection for request in harness.server.journal} == {harness.server.connections}


async def test_another_key_is_another_client() -> None:
    async with open_call_harness() as harness:
        for key in ("first-key", "second-key", "first-key"):
            await harness.call(endpoint=harness.endpoint(api_key=key))

        stats = harness.pool.stats()
        assert stats["active_clients"] == 2
        assert [request.headers["authorization"].split()[1] for request in harness.server.journal] == [
            "first-key",
            "second-key",
            "first-key",
        ]
        assert "-key" not in f"{stats} {harness.pool!r} {harness.caller.pool_status()}"


async def test_the_figures_count_requests_successes_and_failures() -> None:
    async with open_call_harness() as harness:
        harness.server.script([error(500, "x"), ok(), error(401, "key")])
        await harness.call()
        await harness.fail()

        stats = get_pool_stats()

        assert stats["total_requests"] == 3
        assert stats["success_rate"] == 0.5
        [figures] = stats["clients"].values()
        assert (figures["requests"], figures["successes"], figures["failures"]) == (3, 1, 1)
        assert figures["age_seconds"] >= 0
        assert figures["latency"] is not None
        assert json.dumps(stats)
        status = harness.caller.pool_status()
        assert (status.total_requests, status.in_flight, status.slots, status.success_rate) == (3, 0, 5, 0.5)


async def test_94_an_old_client_is_replaced_and_its_stream_is_not_cut() -> None:
    async with FaultServer() as server, ClientPool(max_age_seconds=10, clock=VirtualClock()) as pool:
        clock = pool.clock
        assert isinstance(clock, VirtualClock)
        harness = CallHarness(server, pool, clock)
        go_on = asyncio.Event()
        server.script([stream(token("old "), go_on, token("client"), finish(), DONE), ok("new client")])
        running = asyncio.create_task(harness.call())
        await server.requests(1)
        clock.advance(11)

        assert (await harness.call()).text == "new client"
        stats = pool.stats()
        assert (stats["active_clients"], len(stats["clients"])) == (1, 2)
        go_on.set()

        assert (await running).text == "old client"
        assert len(pool.stats()["clients"]) == 1


async def test_a_client_that_keeps_failing_is_replaced_and_doubted_until_the_next_success() -> None:
    async with open_call_harness() as harness:
        harness.configure(max_retries=0)
        harness.server.script([error(503, "x")] * 3)
        old = await harness.pool.client(harness.endpoint())
        for _ in range(3):
            await harness.fail()
        assert await harness.pool.client(harness.endpoint()) is not old
        await harness.server.all_closed()
        assert old.is_closed()

        harness.server.script([error(503, "x")])
        await harness.fail()
        assert [figures["healthy"] for figures in harness.pool.stats()["clients"].values()] == [False]

        await harness.call()
        stats = harness.pool.stats()
        assert [figures["healthy"] for figures in stats["clients"].values()] == [True]
        assert (stats["total_requests"], stats["success_rate"]) == (5, 0.2)


async def test_an_unhealthy_client_is_replaced_without_cutting_its_stream() -> None:
    async with open_call_harness() as harness:
        harness.configure(max_retries=0)
        go_on = asyncio.Event()
        harness.server.script([stream(token("old "), go_on, token("client"), finish(), DONE), *[error(503, "x")] * 3])
        running = asyncio.create_task(harness.call())
        await harness.server.requests(1)
        for _ in range(3):
            await harness.fail()

        await harness.call()
        assert (harness.pool.stats()["active_clients"], len(harness.pool.stats()["clients"])) == (1, 2)
        go_on.set()

        assert (await running).text == "old client"
        assert len(harness.pool.stats()["clients"]) == 1


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_a_cancel_while_an_old_client_is_closed_leaves_no_connection(steps: int) -> None:
    async with FaultServer() as server, ClientPool(max_age_seconds=10, clock=VirtualClock()) as pool:
        clock = pool.clock
        assert isinstance(clock, VirtualClock)
        harness = CallHarness(server, pool, clock)
        harness.configure(max_concurrency=8)
        await asyncio.wait([asyncio.create_task(harness.call()) for _ in range(8)])
        old = await pool.client(harness.endpoint())
        clock.advance(11)
        task = asyncio.create_task(harness.call())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await harness.call()

        await server.at_most(1)  # the new client's
        assert old.is_closed()


async def test_a_proxy_in_the_environment_does_not_catch_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with open_call_harness() as harness:
        assert (await harness.call()).text == "Hello there"


async def test_a_key_of_the_environment_is_not_sent_to_a_server_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "not-for-you")
    async with open_call_harness() as harness:
        await harness.call()

        assert "not-for-you" not in str(harness.server.journal[0].headers)


async def test_get_llm_client_gives_the_client_of_the_running_engine() -> None:
    async with open_call_harness() as harness:

        async def resolve() -> Endpoint:
            return harness.endpoint()

        harness.pool.resolve = resolve

        client = await get_llm_client()

        assert client is await harness.pool.client(harness.endpoint())
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert answer.choices[0].message.content == "Hello there"


def test_get_llm_client_reads_the_configuration_and_is_closed_with_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> int:
        async with FaultServer() as server:
            monkeypatch.setenv("LLM_BASE_URL", server.base_url)
            client = await get_llm_client()
            assert client is await get_llm_client()
            await client.models.list()
            return int(get_pool_stats()["active_clients"])

    for _ in range(2):
        assert asyncio.run(use()) == 1
        assert get_pool_stats()["active_clients"] == 0


@asynccontextmanager
async def scripts_client(
    monkeypatch: pytest.MonkeyPatch, steps: Sequence[Step] = ()
) -> AsyncIterator[tuple[FaultServer, AsyncOpenAI]]:
    """Be a script that asks a server itself, without an engine."""
    async with FaultServer() as server:
        server.script(steps)
        monkeypatch.setenv("LLM_BASE_URL", server.base_url)
        yield server, await get_llm_client()


async def ask(client: AsyncOpenAI) -> str | None:
    answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    return answer.choices[0].message.content


@pytest.mark.parametrize(
    ("step", "figures"),
    [
        (whole(), (1, 1, 0)),
        (error(500, "x"), (1, 0, 1)),
        (error(503, "x"), (1, 0, 1)),
        (error(401, "key"), (1, 0, 0)),
        (error(429, "slow down"), (1, 0, 0)),
        (hang_up(), (1, 0, 1)),
    ],
)
async def test_what_a_script_sends_itself_is_counted(
    monkeypatch: pytest.MonkeyPatch, step: Step, figures: tuple[int, int, int]
) -> None:
    async with scripts_client(monkeypatch, [step]) as (_, client):
        with suppress(OpenAIError):
            await ask(client)

        stats = get_pool_stats()

    [client_figures] = stats["clients"].values()
    assert (client_figures["requests"], client_figures["successes"], client_figures["failures"]) == figures
    assert client_figures["in_flight"] == 0
    assert stats["total_requests"] == 1


async def test_a_stream_of_a_script_is_in_flight_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()
    async with scripts_client(monkeypatch, [stream(token("one"), go_on, token("two"), finish(), DONE)]) as (_, client):
        pieces = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        assert [figures["in_flight"] for figures in get_pool_stats()["clients"].values()] == [1]
        go_on.set()
        assert len([piece async for piece in pieces]) == 3

        assert [figures["in_flight"] for figures in get_pool_stats()["clients"].values()] == [0]
        assert get_pool_stats()["success_rate"] == 1.0


async def test_a_request_that_a_script_cancels_counts_neither_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripts_client(monkeypatch, [silence()]) as (server, client):
        task = asyncio.create_task(ask(client))
        await server.requests(1)
        task.cancel()
        await asyncio.wait([task])

        assert (get_pool_stats()["total_requests"], get_pool_stats()["success_rate"]) == (1, None)


async def test_the_figures_stay_when_a_pool_is_closed_and_those_of_two_add_up() -> None:
    async with open_call_harness() as one:
        await one.call()
        async with open_call_harness() as two:
            await two.call()
            await two.call()
            assert (one.pool.stats()["total_requests"], two.pool.stats()["total_requests"]) == (1, 2)
            both = get_pool_stats()
            assert (both["active_clients"], both["total_requests"], len(both["clients"])) == (2, 3, 2)
        assert get_pool_stats()["total_requests"] == 3

    after = get_pool_stats()
    assert (after["active_clients"], after["total_requests"], after["success_rate"]) == (0, 3, 1.0)
    assert after["clients"] == {}


async def test_questions_of_our_own_are_not_counted() -> None:
    async with open_call_harness() as harness:
        await offered_models(harness.pool, harness.endpoint())
        await is_healthy(harness.pool, harness.endpoint(), ServerFacts())

        assert harness.server.connections
        assert get_pool_stats()["total_requests"] == 0


async def test_get_llm_client_without_a_server_says_what_to_set() -> None:
    with pytest.raises(UsageError, match="LLM_BASE_URL"):
        await get_llm_client()


async def test_the_models_of_a_server_are_listed_or_none() -> None:
    async with FaultServer(models=("a", "b")) as server, ClientPool() as pool:
        assert await offered_models(pool, make_endpoint(server.base_url, "")) == ("a", "b")
        assert await offered_models(pool, make_endpoint(f"{server.base_url}/nowhere", "")) == ("a", "b")
        server.models = ()
        assert await offered_models(pool, make_endpoint(server.base_url, "")) == ()


async def test_23_many_streams_at_once_keep_apart() -> None:
    async with open_call_harness() as harness:
        harness.configure(max_concurrency=20)
        harness.server.answer_by(lambda body: body["messages"][1]["content"] * 50)

        tasks = [asyncio.create_task(harness.call(f"text {number};")) for number in range(30)]
        await asyncio.wait(tasks)

        assert [task.result().text for task in tasks] == [f"text {number};" * 50 for number in range(30)]
        assert len({request.connection for request in harness.server.journal}) <= 20
