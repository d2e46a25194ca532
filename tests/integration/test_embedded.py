"""The embedded model's server: its process is shared, bounded, replaced when it dies, and never outlives us."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.clock import SystemClock
from core.errors import ModelUnavailableError
from core.llm.embedded.model_file import ServerPlan, find_model_file
from core.llm.embedded.server import CHILD_PROGRAM, EmbeddedServer, ServerAddress
from tests.support.gguf_file import write_model
from tests.support.repository import ROOT

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends the child only on Linux")
SMALL_PLAN = ServerPlan(slots=2, context_tokens=1024, threads=1)

# A stand-in for the child program. It reports its birth to the test, and the test sees its death in that connection.
STAND_IN = """
import http.server, json, os, signal, socket, sys, threading
config = json.loads(sys.stdin.readline())
birth = socket.create_connection(("127.0.0.1", {port}))
birth.sendall(json.dumps({{"pid": os.getpid(), "environment": sorted(os.environ), "argv": sys.argv}}).encode() + b"\\n")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        allowed = self.headers["Authorization"] == "Bearer " + config["api_key"]
        self.send_response(200 if allowed else 401)
        self.end_headers()
        sizes = {{"total_slots": config["slots"], "default_generation_settings": {{"n_ctx": config["context_tokens"]}}}}
        self.wfile.write(json.dumps(sizes).encode())
    def log_message(self, *values):
        pass
def serve():
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({{"url": "http://127.0.0.1:%d" % server.server_address[1]}}), flush=True)
    sys.stdin.read()
def hang():
    sys.stdin.read()
{body}
"""


@dataclass(frozen=True)
class Birth:
    """A child that has started: who it is, and the connection that ends with it."""

    pid: int
    environment: list[str]
    argv: list[str]
    connection: asyncio.StreamReader

    async def ended(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            assert await self.connection.read() == b""


class Nursery:
    """Where stand-ins report, and what is needed to start a server that uses them."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.births: asyncio.Queue[Birth] = asyncio.Queue()
        self.log_file = folder / "logs" / "model.log"
        self._writers: list[asyncio.StreamWriter] = []

    def program(self, body: str) -> Path:
        path = self.folder / "stand_in.py"
        path.write_text(STAND_IN.format(port=self.port, body=body))
        return path

    def server(self, body: str, *, clock: ManualClock | None = None, start_limit_seconds: float = 20) -> EmbeddedServer:
        return EmbeddedServer(
            log_file=self.log_file,
            clock=clock or SystemClock(),
            model_file=write_model(self.folder),
            plan=SMALL_PLAN,
            program=self.program(body),
            start_limit_seconds=start_limit_seconds,
            stop_limit_seconds=0.3,
        )

    async def on_birth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.births.put_nowait(Birth(**json.loads(await reader.readline()), connection=reader))

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


class ManualClock(SystemClock):
    """A clock that stands still until it is set forward."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, tz=UTC)


@pytest.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    nursery = Nursery(tmp_path, 0)
    listener = await asyncio.start_server(nursery.on_birth, "127.0.0.1", 0)
    nursery.port = listener.sockets[0].getsockname()[1]
    yield nursery
    nursery.close()
    listener.close()
    assert psutil.Process().children() == []
    assert {task for task in asyncio.all_tasks() if task.get_name() == "embedded-server-start"} == set()


async def test_two_callers_share_one_start(nursery: Nursery) -> None:
    server = nursery.server("serve()")
    states = [server.state]

    async with asyncio.TaskGroup() as group:
        first = group.create_task(server.ensure_started())
        second = group.create_task(server.ensure_started())
        birth = await nursery.births.get()
        states.append(server.state)

    assert first.result() == second.result() == await server.ensure_started()
    assert (server.pid, nursery.births.empty()) == (birth.pid, True)
    assert [*states, server.state] == ["idle", "starting", "ready"]
    assert server.note == "Small-Test, 2 x 1024 tokens"
    await server.stop()
    await birth.ended()
    assert server.state == "idle"


async def test_address_hides_its_key(nursery: Nursery) -> None:
    server = nursery.server("serve()")

    address = await server.ensure_started()

    assert address.base_url.startswith("http://127.0.0.1:")
    assert address.base_url.endswith("/v1")
    assert len(address.api_key) > 40
    assert address.api_key not in repr(address)
    assert (address.slots, address.context_tokens, address.model_label) == (2, 1024, "Small-Test")
    await server.stop()


async def test_child_gets_neither_our_secrets_nor_its_key_in_the_open(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    server = nursery.server("serve()")

    address = await server.ensure_started()
    birth = await nursery.births.get()

    assert not {"OPENAI_API_KEY", "PYTHONPATH", "HOME"} & set(birth.environment)
    assert address.api_key not in " ".join(psutil.Process(birth.pid).cmdline())
    await server.stop()


@posix_only
async def test_ctrl_c_in_the_terminal_does_not_reach_the_child(nursery: Nursery) -> None:
    server = nursery.server("serve()")
    await server.ensure_started()
    birth = await nursery.births.get()

    assert os.getsid(birth.pid) == birth.pid != os.getsid(0)
    await server.stop()


async def test_stop_can_be_repeated_and_the_server_started_again(nursery: Nursery) -> None:
    server = nursery.server("serve()")
    await server.stop()
    first = await server.ensure_started()
    await server.stop()
    await server.stop()

    second = await server.ensure_started()

    assert second.api_key != first.api_key
    await server.stop()


@posix_only
async def test_a_child_that_ignores_our_request_to_end_is_killed(nursery: Nursery) -> None:
    server = nursery.server("signal.signal(signal.SIGTERM, signal.SIG_IGN); serve(); threading.Event().wait()")
    await server.ensure_started()
    birth = await nursery.births.get()

    await server.stop()

    await birth.ended()


@posix_only
async def test_a_suspended_child_is_killed(nursery: Nursery) -> None:
    server = nursery.server("serve()")
    await server.ensure_started()
    birth = await nursery.births.get()
    os.kill(birth.pid, signal.SIGSTOP)

    await server.stop()

    await birth.ended()


async def test_start_is_given_up_when_its_time_is_over(nursery: Nursery) -> None:
    server = nursery.server("hang()", start_limit_seconds=0.3)

    with pytest.raises(ModelUnavailableError, match="not ready within 0 s"):
        await server.ensure_started()

    assert (server.state, server.pid) == ("failed", None)
    assert "not ready" in server.note


@posix_only
async def test_a_suspended_child_does_not_hold_up_the_start(nursery: Nursery) -> None:
    server = nursery.server("os.kill(os.getpid(), signal.SIGSTOP)", start_limit_seconds=0.5)

    with pytest.raises(ModelUnavailableError, match="not ready within"):
        await server.ensure_started()


async def test_cancelled_start_leaves_nothing_behind(nursery: Nursery) -> None:
    server = nursery.server("hang()")
    start = asyncio.create_task(server.ensure_started())
    birth = await nursery.births.get()

    start.cancel()

    with pytest.raises(asyncio.CancelledError):
        await start
    await birth.ended()
    assert (server.state, server.pid) == ("idle", None)


async def test_start_goes_on_for_the_caller_who_still_waits(nursery: Nursery) -> None:
    server = nursery.server("birth.recv(1); serve()")
    impatient, patient = (asyncio.create_task(server.ensure_started()) for _ in range(2))
    await nursery.births.get()

    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    nursery.close()

    assert (await patient).slots == 2
    assert nursery.births.empty()
    await server.stop()


async def test_stop_during_the_start_tells_those_who_wait(nursery: Nursery) -> None:
    server = nursery.server("hang()")
    start = asyncio.create_task(server.ensure_started())
    birth = await nursery.births.get()

    await server.stop()

    with pytest.raises(ModelUnavailableError, match="was stopped while it started"):
        await start
    await birth.ended()


@posix_only
async def test_server_that_dies_in_use_is_started_again(nursery: Nursery) -> None:
    server = nursery.server("serve()")
    first = await server.ensure_started()
    birth = await nursery.births.get()

    await kill_and_notice(server, birth)
    note = server.note
    second = await server.ensure_started()

    assert "the system killed it, most likely because memory ran out" in note
    assert second.api_key != first.api_key
    await server.stop()


@posix_only
async def test_fifth_start_within_five_minutes_is_refused(nursery: Nursery) -> None:
    clock = ManualClock()
    server = nursery.server("serve()", clock=clock)
    for _ in range(4):
        await server.ensure_started()
        await kill_and_notice(server, await nursery.births.get())

    with pytest.raises(
        ModelUnavailableError, match="ended 4 times within 5 minutes, the last time: the system"
    ) as caught:
        await server.ensure_started()

    assert "tried again in 300 s" in caught.value.hint
    assert server.state == "failed"
    clock.seconds = 300
    assert (await server.ensure_started()).slots == 2
    await server.stop()


async def kill_and_notice(server: EmbeddedServer, birth: Birth) -> None:
    os.kill(birth.pid, signal.SIGKILL)
    await birth.ended()
    while server.state == "ready":  # noqa: ASYNC110  # the loop learns of a death some turns after the connection does
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(
            "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.kill(os.getpid(), signal.SIGILL)",
            "ended while loading: this processor lacks instructions that xllamacpp was built for",
            marks=posix_only,
        ),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", "most likely because memory ran out", marks=posix_only),
        (
            r"os.write(2, b'load\n\x1b[31mterminate called\x07\n'); os._exit(7)",
            'ended while loading: exit code 7, "[31mterminate called"',
        ),
        ("os._exit(9)", "ended while loading: exit code 9"),
        (
            r"""os.write(2, b'0.00 I ok\n0.01.2 E tensor data is corrupted\n0.02 E exiting\n')
print(json.dumps({"error": "load", "message": "no"}))""",
            'could not be loaded: "tensor data is corrupted"',
        ),
        (r'print(json.dumps({"error": "load", "message": "out of\nluck"}))', 'could not be loaded: "out of luck"'),
        ('print(json.dumps({"error": "import", "message": "no libgomp"}))', "xllamacpp cannot be loaded: no libgomp"),
        ("print('hello')", 'said something unexpected: "hello"'),
        ("print('[1]')", 'said something unexpected: "[1]"'),
        (
            'print(json.dumps({"url": "http://127.0.0.1:9"}), flush=True); hang()',
            "does not answer as expected: ConnectionRefusedError",
        ),
        ('config["api_key"] = "other"; serve()', "does not answer as expected: KeyError"),
    ],
)
async def test_a_failed_start_says_why_in_one_line(nursery: Nursery, body: str, words: str) -> None:
    server = nursery.server(body)

    with pytest.raises(ModelUnavailableError) as caught:
        await server.ensure_started()

    assert words in caught.value.message
    assert str(caught.value).isprintable()
    assert caught.value.hint
    assert (server.state, server.note) == ("failed", caught.value.message)


async def test_missing_library_is_named(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    server = nursery.server("serve()")

    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [])
        with pytest.raises(ModelUnavailableError, match=r"xllamacpp.* is not installed"):
            await server.ensure_started()


async def test_log_folder_that_cannot_be_made_is_named(nursery: Nursery) -> None:
    nursery.log_file.parent.write_text("a file where the folder should be")

    with pytest.raises(ModelUnavailableError, match=r"log .* cannot be written: File exists"):
        await nursery.server("serve()").ensure_started()


async def test_a_log_that_has_grown_long_is_started_anew(nursery: Nursery) -> None:
    nursery.log_file.parent.mkdir()
    nursery.log_file.write_bytes(b"x" * 2_000_001)
    server = nursery.server("os.write(2, b'loaded'); serve()")

    await server.ensure_started()

    assert nursery.log_file.read_bytes() == b"loaded"
    await server.stop()


@linux_only
async def test_no_file_descriptors_are_left_open(nursery: Nursery) -> None:
    server = nursery.server("serve()")
    await server.ensure_started()
    await server.stop()
    before = psutil.Process().num_fds() - nursery.births.qsize()

    await server.ensure_started()
    await server.stop()
    with pytest.raises(ModelUnavailableError):
        await nursery.server("os._exit(1)").ensure_started()

    assert psutil.Process().num_fds() - nursery.births.qsize() == before


PARENT = """
import asyncio, sys
from pathlib import Path
from core.clock import SystemClock
from core.llm.embedded.server import CHILD_PROGRAM, EmbeddedServer

async def main():
    program = Path(sys.argv[3]) if len(sys.argv) > 3 else CHILD_PROGRAM
    model_file = Path(sys.argv[2]) if sys.argv[2] else None
    server = EmbeddedServer(log_file=Path(sys.argv[1]), clock=SystemClock(), model_file=model_file, program=program)
    await server.ensure_started()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def start_parent(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PARENT, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@posix_only
async def test_child_ends_when_we_are_killed_during_the_start(nursery: Nursery) -> None:
    program = nursery.program("hang()")
    with start_parent(str(nursery.log_file), str(write_model(nursery.folder)), str(program)) as parent:
        birth = await nursery.births.get()

        parent.kill()

    await birth.ended()


# Holds the interpreter's lock as a load of a model does, after the child program's own precautions.
LOADING = """
import ctypes, runpy, sys
child = runpy.run_path(sys.argv[1])
child["end_with_parent_while_loading"](float(sys.argv[2]))
print("loading", flush=True)
ctypes.PyDLL(None).sleep(30)
"""


def start_loading(limit_seconds: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-c", LOADING, str(CHILD_PROGRAM), limit_seconds]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@linux_only
def test_kernel_ends_a_loading_child_as_soon_as_we_are_gone() -> None:
    with start_loading("30") as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"loading\n"

        child.stdin.close()

        assert child.wait(5) == -signal.SIGIO


@posix_only
def test_loading_child_ends_after_its_time_limit_on_any_system() -> None:
    with start_loading("0.2") as child:
        assert child.wait(5) == 1


@pytest.mark.embedded
async def test_real_model_answers_to_our_key_alone(tmp_path: Path) -> None:
    server = EmbeddedServer(log_file=tmp_path / "model.log", clock=SystemClock(), plan=SMALL_PLAN)
    address = await server.ensure_started()

    status, answer, headers = await asyncio.to_thread(ask, address, address.api_key)
    refused, *_ = await asyncio.to_thread(ask, address, "guessed")
    await server.stop()

    assert (status, refused) == (200, 401)
    assert answer["model"] == address.model_label == "SmolLM2-135M-Instruct"
    assert answer["choices"][0]["message"]["content"]
    assert (address.slots, address.context_tokens) == (2, 1024)
    assert headers.get("Access-Control-Allow-Origin") in (None, "")
    assert address.api_key not in (tmp_path / "model.log").read_text()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(ask, address, address.api_key)


def ask(address: ServerAddress, api_key: str) -> tuple[int, dict[str, Any], http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(address.base_url.removeprefix("http://").removesuffix("/v1"), timeout=30)
    body = {"model": address.model_label, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
    headers = {"Authorization": f"Bearer {api_key}", "Origin": "http://example.org", "Content-Type": "application/json"}
    with contextlib.closing(connection):
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read()), response.headers


@pytest.mark.embedded
@linux_only
async def test_real_server_ends_when_we_are_killed(tmp_path: Path) -> None:
    with start_parent(str(tmp_path / "model.log"), "") as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(await asyncio.to_thread(parent.stdout.readline)))

        parent.kill()

    ended, _, _ = await asyncio.to_thread(select.select, [child], [], [], 10)
    os.close(child)
    assert ended


@pytest.mark.embedded
async def test_a_cut_model_file_is_refused_with_the_librarys_own_words(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with find_model_file().path.open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))
    server = EmbeddedServer(log_file=tmp_path / "model.log", clock=SystemClock(), model_file=cut, plan=SMALL_PLAN)

    with pytest.raises(ModelUnavailableError, match=r"could not be loaded: .*corrupted or incomplete"):
        await server.ensure_started()
