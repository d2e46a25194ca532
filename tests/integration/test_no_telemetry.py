"""A run as it comes, with nothing configured but a model, talks to that model and to nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.support.fault_server import FaultServer
from tests.support.repository import ROOT
from tests.support.team import ScriptedTeam, write_team

# The interpreter tells the hook of everything that leaves the process, whichever library does it.
PROGRAM = """
import json, sys
contacts = []

def hook(event, args):
    if event == "socket.connect":
        contacts.append(["connect", list(args[1][:2]) if isinstance(args[1], tuple) else str(args[1])])
    elif event in ("socket.sendto", "socket.sendmsg"):
        contacts.append([event, str(args[1])])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        contacts.append(["look up", str(args[0])])
    elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
        contacts.append(["start", str(args[0])])

sys.addaudithook(hook)
from tui.commands.cli import main
try:
    main()
finally:
    print(json.dumps(contacts), file=sys.stderr)
"""


async def test_a_run_with_the_default_settings_talks_to_its_model_only(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    async with FaultServer() as server:
        server.answer_by(ScriptedTeam())
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LLM_BASE_URL": server.base_url,
            "LLM_MODEL": "test-model",
            "QUINTET_PROMPTS_DIR": str(tmp_path / "team"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, "run", "Reverse a text",
            cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, told = await process.communicate()
        port = int(server.base_url.split(":")[2].partition("/")[0])

    *progress, last = told.decode().splitlines()
    contacts: list[list[Any]] = json.loads(last)
    model = [["connect", ["127.0.0.1", port]], ["look up", "127.0.0.1"]]
    started = {Path(program).name for what, program in contacts if what == "start"}
    assert process.returncode == 0, progress
    assert len(server.journal) >= 5
    assert model[0] in contacts
    assert [contact for contact in contacts if contact not in model and contact[0] != "start"] == []
    assert started <= {"uname", "bash", "bwrap"}  # the openai client names the system, a script is checked, tests run
