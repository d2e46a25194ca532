"""The engine's own door: what it refuses, what it tells, and calls outside of a run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.agents import Sampling
from core.engine import Engine
from core.errors import LLMCallError, ModelUnavailableError, PromptError, UsageError, WorkspaceError
from core.events import (
    AttemptFailed,
    BreakerChanged,
    CallCancelled,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    TokensReceived,
    Warned,
)
from core.llm.http.pool import get_llm_client, get_pool_stats
from core.settings import load_config
from tests.support.clock import VirtualClock
from tests.support.events import Recorder, check_call_contract
from tests.support.fault_server import FaultServer, Step, error, status, stream, token
from tests.support.ports import free_port
from tests.support.team import DELIVERED, engine_harness, team_settings, write_team


@pytest.mark.parametrize("task", ["", "   \n\t ", "\x1b[2J\x1b[31m", "\u200b"])
async def test_an_empty_task_is_refused(tmp_path: Path, task: str) -> None:
    async with engine_harness(tmp_path) as b:
        with pytest.raises(UsageError, match="the task is empty"):
            await b.engine.run(task)

    assert b.events.events == []
    assert not (tmp_path / "output").exists()


async def test_a_task_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        with pytest.raises(UsageError, match="KiB"):
            await b.engine.run("x" * 300_000)


async def test_a_task_with_escapes_and_markup_is_plain_text_everywhere(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Reverse \x1b[31ma\x1b[0m text [red]now[/red] [@click=app.quit]x[/]\x07")

    assert outcome.status == DELIVERED
    assert b.events.of(RunStarted)[0].task == "Reverse a text [red]now[/red] [@click=app.quit]x[/]"
    assert "\x1b" not in str(outcome.output_dir)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"workflow": "waterfall"}, "there is no workflow 'waterfall'"),
        ({"agents": ["developer", "boss"]}, "there is no agent 'boss'"),
        ({"agents": []}, "nobody of workflow delivery is on"),
    ],
)
async def test_unknown_names_are_refused_with_those_that_exist(
    tmp_path: Path, arguments: dict[str, object], complaint: str
) -> None:
    async with engine_harness(tmp_path) as b:
        with pytest.raises(UsageError, match=complaint):
            await b.engine.run("Reverse a text", **arguments)  # type: ignore[arg-type]


async def test_a_run_of_some_agents_leaves_the_others_switched_on(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Reverse a text", agents=["business_analyst"])

        assert outcome.files == ("brief.md",)
        assert all(agent.enabled for agent in b.engine.status().agents)


async def test_an_output_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    async with engine_harness(tmp_path) as b:
        with pytest.raises(WorkspaceError, match="file"):
            await b.engine.run("Reverse a text", output_dir=tmp_path / "file" / "sub")


async def test_a_malformed_prompt_file_is_named_before_anything_runs(tmp_path: Path) -> None:
    team = write_team(tmp_path / "team")
    (team / "agents" / "broken.yaml").write_text("id: [")

    with pytest.raises(PromptError, match=r"broken\.yaml"):
        Engine(team_settings(tmp_path, "http://127.0.0.1:9/v1"), emit=Recorder())


async def test_an_agent_file_in_a_folder_of_ones_own_joins_the_team(tmp_path: Path) -> None:
    team = write_team(tmp_path / "team")
    (team / "agents" / "poet.yaml").write_text(
        "id: poet\ntitle: Poet\nshort: POE\norder: 6\nsystem: {full: AGENT poet, tiny: AGENT poet}\n"
        "jobs: {opinion: {output: text, full: JOB opinion}}\n"
    )
    async with Engine(team_settings(tmp_path, "http://127.0.0.1:9/v1"), emit=Recorder()) as engine:
        assert "poet" in engine.agents
        assert "poet" in [agent.agent_id for agent in engine.status().agents]


async def test_an_agent_answers_outside_of_a_run_and_streams_to_a_callback(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"": "Hello from the server"}) as b:
        heard: list[str] = []
        reply = await b.engine.agents["developer"].execute_llm_task("hi", stream_callback=heard.append, stream=True)

        assert reply.text == "".join(heard) == "Hello from the server"
        assert reply.complete
        assert reply.attempts == 1
        assert len(heard) > 1 or len(b.events.of(TokensReceived)) >= 1
        stats = get_pool_stats()
        assert stats["total_requests"] == 1
        assert (await get_llm_client()).base_url.port == b.server.port
    check_call_contract(b.events.events)


async def test_get_llm_client_finds_the_server_of_an_engine_that_has_not_called_yet(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        client = await get_llm_client()

        assert client.base_url.port == b.server.port


async def test_streaming_that_is_turned_off_stays_off_whatever_a_call_asks_for(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"": "All at once"}, llm__stream_responses=False) as b:
        await b.engine.agents["developer"].execute_llm_task("hi", stream=True)

    assert not b.server.journal[0].body["stream"]


async def test_length_and_temperature_are_those_of_the_settings_where_they_name_any(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"": "Hello"}, llm__max_tokens=77, llm__temperature=1.25) as b:
        developer = b.engine.agents["developer"]
        await developer.execute_llm_task("hi")
        await developer.execute_llm_task("hi", sampling=Sampling(max_tokens=500, temperature=0.5))

    asked = [(request.body["max_tokens"], request.body["temperature"]) for request in b.server.journal]
    assert asked == [(77, 1.25), (77, 0.5)]


async def test_a_client_that_is_too_old_is_replaced(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    clock = VirtualClock()
    async with FaultServer() as server:
        server.answer_by(lambda _: "My answer")
        settings = team_settings(tmp_path, server.base_url, **{"llm.pool_max_age": 60})
        async with Engine(settings, emit=Recorder(), clock=clock) as engine:
            clients = []
            for _ in range(2):
                await engine.agents["developer"].execute_llm_task("hi")
                clients.append(await get_llm_client())
                clock.advance(61)

    assert clients[0] is not clients[1]


async def test_agents_that_the_settings_switch_off_start_off(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, team__off=["devops_engineer"]) as b:
        assert [agent.agent_id for agent in b.engine.status().agents if not agent.enabled] == ["devops_engineer"]

    settings = team_settings(tmp_path, "http://127.0.0.1:9/v1")
    made = settings.model_copy(update={"team": settings.team.model_copy(update={"off": ("boss",)})})
    with pytest.raises(UsageError, match="there is no agent 'boss'"):
        Engine(made, emit=Recorder())


async def test_without_a_run_there_is_nothing_to_steer_or_stop(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        engine = b.engine
        answers = [engine.cancel_run(), engine.pause(), engine.resume_run(), engine.steer("faster")]

        assert answers == [False] * 4
        assert not engine.cancel_agent("developer")
        assert not engine.cancel_call("none")
        with pytest.raises(UsageError, match="there is no agent 'boss'"):
            engine.steer("faster", "boss")
    assert b.events.events == []


async def test_a_model_file_that_has_gone_since_the_start_is_told_by_the_warm_up_and_by_the_status(
    tmp_path: Path,
) -> None:
    write_team(tmp_path / "team")
    (tmp_path / "none.gguf").write_bytes(b"GGUF")
    settings = team_settings(tmp_path, "http://127.0.0.1:9/v1", **{"llm.model_file": tmp_path / "none.gguf"})
    (tmp_path / "none.gguf").unlink()
    async with Engine(settings, emit=Recorder()) as engine:
        before = engine.status().endpoint
        with pytest.raises(ModelUnavailableError, match="does not exist"):
            await engine.warm_up()
        after = engine.status().endpoint

    assert (before.kind, before.model, before.state) == ("embedded", "none", "idle")
    assert (after.state, "none.gguf does not exist" in after.note) == ("failed", True)


async def test_a_server_is_called_near_or_far_before_it_has_been_asked(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        endpoint = b.engine.status().endpoint

    assert (endpoint.kind, endpoint.state) == ("local", "idle")


async def test_an_agent_answers_without_streaming(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"": "All at once"}) as b:
        reply = await b.engine.agents["developer"].execute_llm_task("hi", stream=False)

    assert reply.text == "All at once"
    assert not b.server.journal[0].body.get("stream")


async def test_a_call_without_a_whole_answer_raises_with_its_kind(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"": error(401, "wrong key")}) as b:
        with pytest.raises(LLMCallError) as caught:
            await b.engine.agents["developer"].execute_llm_task("hi")

    assert (caught.value.kind, caught.value.attempts, caught.value.partial) == ("auth", 1, "")
    assert caught.value.hint


async def test_a_server_that_is_not_there_fails_the_run_and_names_the_address(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    settings = team_settings(tmp_path, f"http://127.0.0.1:{free_port()}/v1", **{"llm.max_retries": 1})
    async with Engine(settings, emit=Recorder(), sessions_folder=tmp_path / "sessions") as engine:
        outcome = await engine.run("Reverse a text", agents=["developer"])

    assert outcome.status == "failed"
    assert "127.0.0.1" in outcome.reason


async def test_the_only_model_of_a_server_needs_no_setting(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    async with FaultServer(models=["the-one"]) as server:
        server.answer_by(lambda _: "My answer")
        settings = team_settings(tmp_path, server.base_url, **{"llm.model": None})
        async with Engine(settings, emit=Recorder()) as engine:
            await engine.agents["developer"].execute_llm_task("hi")

    assert server.journal[0].body["model"] == "the-one"


async def test_a_front_end_that_fails_on_an_event_does_not_end_the_run(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:

        def clumsy(_event: Event) -> None:
            raise RuntimeError("front end")

        b.events.on_event = clumsy
        outcome = await b.engine.run("Reverse a text")

    assert outcome.status == DELIVERED


async def test_the_status_counts_what_happened(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        await b.engine.run("Reverse a text")
        status = b.engine.status()

    assert status.files_written == 7
    assert not status.running
    assert {agent.state for agent in status.agents} == {"done"}
    assert status.output_tokens > 0
    assert status.pool.total_requests >= 9
    assert status.endpoint.model == "test-model"


async def test_the_status_counts_one_run_and_not_those_before(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        await b.engine.run("Reverse a text")
        first = b.engine.status()
        await b.engine.run("Reverse a text")
        second = b.engine.status()

    assert second.output_tokens == first.output_tokens
    assert second.files_written == first.files_written


def test_the_shipped_settings_need_no_endpoint(tmp_path: Path) -> None:
    settings = load_config(cwd=tmp_path, env={}, user_config=tmp_path / "none.toml")

    assert settings.llm.base_url is None


async def test_one_call_can_be_ended_while_its_step_goes_on(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"brief": stream(token("# B"), then="hold")}) as b:
        running = asyncio.create_task(b.engine.run("Reverse a text"))
        await b.events.seen(TokensReceived)
        call_id = b.events.of(TokensReceived)[0].call_id
        assert b.engine.cancel_call(call_id)
        outcome = await running

        assert not b.engine.cancel_call(call_id)
    assert outcome.status == "failed"
    assert "cancelled" in outcome.reason
    assert "reverse_text.py" in outcome.files
    assert [event.call_id for event in b.events.of(CallCancelled)] == [call_id]
    check_call_contract(b.events.events)


async def test_a_task_that_does_not_fit_the_model_loses_its_middle_and_the_user_is_told(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, llm__context_tokens=8000) as b:
        outcome = await b.engine.run("Reverse a text " + "x" * 100_000 + " and keep its case")

    assert outcome.status == DELIVERED
    assert any("its middle is left out" in event.message for event in b.events.of(Warned))
    prompt = b.team.prompts("brief")[0]
    assert "Reverse a text" in prompt
    assert "and keep its case" in prompt
    assert len(prompt) < 8_000


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (error(401, "no such key"), "LLM_API_KEY"),
        (error(404, "no such model"), "LLM_MODEL"),
        (status(200, "<html>"), "LLM_BASE_URL"),
    ],
)
async def test_an_endpoint_that_nobody_can_use_ends_the_run_with_its_first_call(
    tmp_path: Path, step: Step, words: str
) -> None:
    async with engine_harness(tmp_path, {"brief": step}) as b:
        outcome = await b.engine.run("Reverse a text")

    assert outcome.status == "failed"
    assert words in outcome.reason
    assert len(b.server.journal) == 1
    assert [event.status for event in b.events.of(StepFinished)] == ["failed"]
    assert len(b.events.of(RunFinished)) == 1


async def test_a_server_that_is_not_there_is_given_up_after_the_retries_of_one_call(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    events = Recorder()
    settings = team_settings(tmp_path, f"http://127.0.0.1:{free_port()}/v1")
    async with Engine(settings, emit=events, sessions_folder=tmp_path / "sessions") as engine:
        outcome = await engine.run("Reverse a text")

    assert outcome.status == "failed"
    assert "cannot connect to 127.0.0.1" in outcome.reason
    assert len(events.of(AttemptFailed)) == 4
    assert not events.of(BreakerChanged)
