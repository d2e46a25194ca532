"""Which requests carry the user's key: looked at where they arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.addresses import server_of
from core.engine import Engine
from core.settings import Settings, load_config
from core.settings.sources.keyring_key import KeyringAnswer
from core.settings.trust.folder import trust, trust_file
from tests.support.events import Recorder
from tests.support.fault_server import FaultServer, RecordedRequest
from tests.support.team import write_team

KEY = "the-key-that-must-not-travel"


def settings_of(folder: Path, *, project: str = "", user: str = "", dotenv: str = "", **env: str) -> Settings:
    (folder / "config.toml").write_text(project)
    (folder / ".env").write_text(dotenv)
    (folder / "user.toml").write_text(user)
    return load_config(
        overrides={"llm.model": "test-model", "team.prompts_dir": folder / "team", "llm.max_retries": 0},
        cwd=folder,
        env=env,
        user_config=folder / "user.toml",
        keyring=lambda _: KeyringAnswer(KEY),
    )


async def ask(server: FaultServer, settings: Settings) -> RecordedRequest:
    server.answer_by(lambda _: "Hello")
    async with Engine(settings, emit=Recorder()) as engine:
        await engine.agents["developer"].execute_llm_task("hi")
    return server.journal[-1]


def elsewhere(server: FaultServer) -> str:
    """Return an address that leads to the server though nothing tells that it is on this machine: 127.1 is a name."""
    return f"http://127.1:{server.port}/v1"


@pytest.mark.parametrize(
    ("places", "travels"),
    [
        pytest.param(
            {"project": "[llm]\nbase_url = 'ADDRESS'", "LLM_API_KEY": KEY}, False, id="address of config.toml"
        ),
        pytest.param({"dotenv": "LLM_BASE_URL=ADDRESS", "LLM_API_KEY": KEY}, False, id="address of .env"),
        pytest.param(
            {"project": "[llm]\nbase_url = 'ADDRESS'", "user": f"[llm]\napi_key = '{KEY}'"},
            False,
            id="key of the user's file",
        ),
        pytest.param({"project": "[llm]\nbase_url = 'ADDRESS'"}, False, id="key of the keyring"),
        pytest.param(
            {"project": f"[llm]\nbase_url = 'ADDRESS'\napi_key = '{KEY}'"}, True, id="both in the project's file"
        ),
        pytest.param({"LLM_BASE_URL": "ADDRESS", "LLM_API_KEY": KEY}, True, id="both in the environment"),
        pytest.param({"LLM_BASE_URL": "ADDRESS"}, True, id="address of the environment, key of the keyring"),
    ],
)
async def test_the_users_key_travels_only_to_the_users_server(
    tmp_path: Path, places: dict[str, str], travels: bool
) -> None:
    write_team(tmp_path / "team")
    async with FaultServer() as server:
        written = {name: text.replace("ADDRESS", elsewhere(server)) for name, text in places.items()}
        request = await ask(server, settings_of(tmp_path, **written))

    assert (request.headers.get("authorization") == f"Bearer {KEY}") is travels
    assert (KEY in str(request)) is travels


async def test_the_users_key_travels_to_this_machine_whoever_names_it(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    async with FaultServer() as server:
        project = f"[llm]\nbase_url = '{server.base_url}'"
        request = await ask(server, settings_of(tmp_path, project=project, LLM_API_KEY=KEY))

    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_the_users_key_travels_to_a_server_that_a_trusted_folder_names(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    async with FaultServer() as server:
        trust(tmp_path, [server_of(elsewhere(server))], trust_file())
        project = f"[llm]\nbase_url = '{elsewhere(server)}'"
        request = await ask(server, settings_of(tmp_path, project=project, LLM_API_KEY=KEY))

    assert request.headers["authorization"] == f"Bearer {KEY}"
