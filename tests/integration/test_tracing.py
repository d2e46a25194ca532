"""Nothing of a run leaves the machine, whatever the environment asks of the libraries underneath."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.support.repository import ROOT

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from tests.support.team import DELIVERED, engine_harness

async def main() -> None:
    async with engine_harness(Path(sys.argv[1])) as b:
        for name in ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING"):
            os.environ[name] = "true"  # also when it is set after our own modules were imported
        outcome = await b.engine.run("Reverse a secret text")
        assert outcome.status == DELIVERED, outcome.reason

asyncio.run(main())
from langchain_core.tracers.langchain import wait_for_all_tracers
wait_for_all_tracers()
"""


async def test_no_byte_reaches_a_tracing_service_that_the_environment_names(tmp_path: Path) -> None:
    hits: list[bytes] = []

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(sink, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    tracing = dict.fromkeys(
        ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING"), "true"
    )
    environment = {
        **os.environ,
        **tracing,
        "LANGSMITH_ENDPOINT": address,
        "LANGCHAIN_ENDPOINT": address,
        "LANGSMITH_API_KEY": "invented",
        "PYTHONPATH": str(ROOT),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(tmp_path), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, complaints = await process.communicate()
    server.close()
    await server.wait_closed()

    assert process.returncode == 0, complaints.decode()
    assert hits == []
