"""The main job on the real embedded model, headless: a task goes in, real files come out, or it is said why not."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from core.agents import Sampling
from core.engine import Engine
from core.events import AttemptFailed, TokensReceived
from core.settings import load_config
from core.workspace.checks.file_check import check_file
from tests.support.events import Recorder, check_call_contract
from tests.support.readme import WITH_EVENTS, quintet
from tui.exit_codes import EXIT_BY_STATUS


@pytest.mark.embedded
@pytest.mark.timeout(600)  # a slow machine with two cores
def test_the_embedded_model_takes_the_sample_task_to_real_files(tmp_path: Path) -> None:
    done = quintet(WITH_EVENTS, tmp_path)

    assert done.returncode in (0, 1, 3), done.stderr  # 3: nothing executes its tests
    _schema, *events = [json.loads(line) for line in done.stdout.splitlines()]
    written = {event["path"] for event in events if event["type"] == "file_written"}
    rejected = {event["path"]: event["why"] for event in events if event["type"] == "file_rejected"}
    finished = events[-1]

    assert events[0]["model"].startswith("SmolLM2-135M")
    assert any("tiny" in event["message"] for event in events if event["type"] == "warned")
    # Each deliverable is there, or it was said plainly that it is not and why.
    wanted = {"brief.md", "reverse_string.py", "test_examples.py", "README.md", "run.sh"}
    made = written | set(rejected)
    # Tests of the inputs that the model proposes are there if the program runs with any of them.
    assert wanted <= made <= wanted | {"test_reverse_string.py"}
    assert set(finished["files"]) == written
    assert len(written) >= 3
    assert all(why for why in rejected.values())
    folder = Path(finished["output_dir"])
    assert folder.is_relative_to(tmp_path)
    for path in written:
        text = (folder / path).read_text()
        assert check_file(path, text) is None
    assert ast.parse((folder / "reverse_string.py").read_text()).body
    assert EXIT_BY_STATUS[finished["status"]] == done.returncode
    spoke = {event["agent_id"] for event in events if event["type"] == "tokens_received"}
    assert len(spoke) == 5


@pytest.mark.embedded
@pytest.mark.timeout(300)
async def test_a_call_survives_the_death_of_the_embedded_server(tmp_path: Path) -> None:
    events = Recorder()
    settings = load_config(cwd=tmp_path, env={}, user_config=tmp_path / "none.toml")
    async with Engine(settings, emit=events, sessions_folder=tmp_path / "sessions") as engine:
        developer = engine.agents["developer"]
        call = asyncio.create_task(
            developer.execute_llm_task("Tell a long story about a river.", sampling=Sampling(max_tokens=60))
        )
        await events.seen(TokensReceived)
        os.kill(server_pid(), signal.SIGKILL)
        reply = await call

    assert reply.attempts == 2
    assert reply.text
    assert [event.kind for event in events.of(AttemptFailed)] == ["cut"]
    check_call_contract(events.events)


def server_pid() -> int:
    """Return the process id of the only child that serves a model."""
    (child,) = [child for child in psutil.Process().children() if "embedded/child.py" in " ".join(child.cmdline())]
    return child.pid
