"""The embedded model's server: started on first need, restarted when it dies, and never outliving us."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import secrets
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from core.clock import Clock
from core.errors import ModelUnavailableError
from core.kinds import EndpointState
from core.llm.embedded.model_file import ModelFile, ServerPlan, find_model_file, plan_for_this_machine
from core.llm.embedded.process import STOP_LIMIT_SECONDS, ServerProcess
from core.text.install_hints import install

CHILD_PROGRAM = Path(__file__).with_name("child.py")
LIBRARY = "xllamacpp"
START_LIMIT_SECONDS = 90.0
SLOW_DISK_BYTES_PER_SECOND = 100_000_000  # the start of a large file is given this much more time
MAX_RESTARTS = 3
RESTART_WINDOW_SECONDS = 300.0
MAX_PROPERTIES_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the embedded server answers; `context_tokens` is what one of its slots holds."""

    base_url: str
    api_key: str = field(repr=False)
    slots: int
    context_tokens: int
    model_label: str


class EmbeddedServer:
    """Serves one GGUF file to this process alone; all methods belong to one event loop.

    The log of the server goes to `log_file`. `program` and `plan` are for tests and measurements.
    """

    def __init__(
        self,
        *,
        log_file: Path,
        clock: Clock,
        model_file: Path | None = None,
        plan: ServerPlan | None = None,
        program: Path = CHILD_PROGRAM,
        start_limit_seconds: float = START_LIMIT_SECONDS,
        stop_limit_seconds: float = STOP_LIMIT_SECONDS,
    ) -> None:
        self._log_file = log_file.absolute()
        self._clock = clock
        self._model_file = model_file
        self._plan = plan
        self._program = program
        self._start_limit_seconds = start_limit_seconds
        self._stop_limit_seconds = stop_limit_seconds
        self._process: ServerProcess | None = None
        self._address: ServerAddress | None = None
        self._start: asyncio.Task[ServerAddress] | None = None
        self._waiting = 0
        self._exits: deque[float] = deque()
        self._last_exit = ""
        self._failure = ""

    @property
    def state(self) -> EndpointState:
        if self._start is not None:
            return "starting"
        if self._process is not None:
            return "ready" if self._process.is_running else "failed"
        return "failed" if self._failure else "idle"

    @property
    def note(self) -> str:
        """One line for the sidebar: what is served, or why nothing is."""
        if self.state == "ready" and self._address is not None:
            return f"{self._address.model_label}, {self._address.slots} x {self._address.context_tokens} tokens"
        if self.state == "failed" and self._process is not None:
            return f"the server ended ({self._process.why_it_ended()}); the next call starts it again"
        return "loading the model" if self.state == "starting" else self._failure

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._process.pid if self._process is not None and self._process.is_running else None

    async def ensure_started(self) -> ServerAddress:
        """Return the server's address; starts it when it does not run, once for all callers meanwhile.

        When the last caller that waits is cancelled, the start is given up and its process killed.

        Raises:
            ModelUnavailableError: no model can be served; message and hint are fit for the screen.
        """
        if self._address is not None and self._process is not None and self._process.is_running:
            return self._address
        if self._start is None:
            self._start = asyncio.create_task(self._start_server(), name="embedded-server-start")
        start = self._start
        self._waiting += 1
        try:
            await asyncio.wait([start])
        finally:
            self._waiting -= 1
            if self._start is start and (start.done() or self._waiting == 0):
                await self._give_up_start()
        if start.cancelled():
            raise ModelUnavailableError("The embedded model's server was stopped while it started")
        return start.result()

    async def stop(self) -> None:
        """End the server and forget its failures; may be called at any time and again."""
        await self._give_up_start()
        process, self._process, self._address = self._process, None, None
        self._failure = ""
        self._exits.clear()
        if process is not None:
            await process.end(grace_seconds=self._stop_limit_seconds)

    async def _give_up_start(self) -> None:
        start, self._start = self._start, None
        if start is not None and not start.done():
            start.cancel()
            await asyncio.wait([start])

    async def _start_server(self) -> ServerAddress:
        self._failure = ""
        try:
            await self._end_dead_process()
            self._refuse_after_too_many_exits()
            library_folder = _library_folder()
            model = await asyncio.to_thread(find_model_file, self._model_file)
            plan = self._plan or plan_for_this_machine(model)
            self._process, self._address = await self._launch(model, plan, library_folder)
        except ModelUnavailableError as error:
            self._failure = error.message
            raise
        return self._address

    async def _end_dead_process(self) -> None:
        process, self._process, self._address = self._process, None, None
        if process is not None:
            self._count_exit(process.why_it_ended())
            await process.end(grace_seconds=0)

    def _count_exit(self, why: str) -> None:
        self._exits.append(self._clock.monotonic())
        self._last_exit = why

    def _refuse_after_too_many_exits(self) -> None:
        now = self._clock.monotonic()
        while self._exits and now - self._exits[0] >= RESTART_WINDOW_SECONDS:
            self._exits.popleft()
        if len(self._exits) > MAX_RESTARTS:
            wait_seconds = round(self._exits[0] + RESTART_WINDOW_SECONDS - now)
            raise ModelUnavailableError(
                f"The embedded model's server ended {len(self._exits)} times within"
                f" {RESTART_WINDOW_SECONDS / 60:.0f} minutes, the last time: {self._last_exit}",
                hint=f"see {self._log_file}; it is tried again in {wait_seconds} s, or name a server in LLM_BASE_URL",
            )

    async def _launch(
        self, model: ModelFile, plan: ServerPlan, library_folder: Path
    ) -> tuple[ServerProcess, ServerAddress]:
        limit_seconds = self._start_limit_seconds + model.file_bytes / SLOW_DISK_BYTES_PER_SECOND
        api_key = secrets.token_urlsafe(32)  # other users of the machine and web pages must not use our server
        config = {
            "library_folder": str(library_folder),
            "model_path": str(model.path),
            "model_label": model.label,
            "api_key": api_key,
            "load_limit_seconds": limit_seconds,
            **asdict(plan),
        }
        process = await ServerProcess.spawn(self._program, config, self._log_file)
        try:
            async with asyncio.timeout(limit_seconds):
                url = await process.read_url()
                slots, context_tokens = await _read_sizes(url, api_key)
        except TimeoutError as error:
            await process.end(grace_seconds=0)
            self._count_exit(f"it was not ready within {limit_seconds:.0f} s")
            raise ModelUnavailableError(
                f"The embedded model's server was not ready within {limit_seconds:.0f} s",
                hint=f"the machine may be too busy or the model too large: see {self._log_file}",
            ) from error
        except ModelUnavailableError as error:
            await process.end(grace_seconds=0)
            self._count_exit(error.message)
            raise
        except BaseException:  # cancelled: the child must not live on
            await process.end(grace_seconds=0)
            raise
        address = ServerAddress(
            base_url=f"{url}/v1", api_key=api_key, slots=slots, context_tokens=context_tokens, model_label=model.label
        )
        return process, address


def _library_folder() -> Path:
    """Return the folder that holds the package xllamacpp; the child gets it, because it has no search path of its own."""
    spec = importlib.util.find_spec(LIBRARY)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise ModelUnavailableError(
            "The package xllamacpp, which runs the embedded model, is not installed",
            hint=f"install it ({install('xllamacpp')}), or name a server in LLM_BASE_URL",
        )
    return Path(folders[0]).absolute().parent


async def _read_sizes(url: str, api_key: str) -> tuple[int, int]:
    """Read from the server its slots and the context of each, which also shows that it answers, and to our key.

    A plain request over asyncio, because a cancelled one leaves no thread behind.
    """
    parts = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(
                f"GET /props HTTP/1.0\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {api_key}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            properties = json.loads(await reader.read(MAX_PROPERTIES_BYTES)) if b" 200 " in head[:16] else {}
        finally:
            writer.close()
        return int(properties["total_slots"]), int(properties["default_generation_settings"]["n_ctx"])
    except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise ModelUnavailableError(
            f"The embedded model's server does not answer as expected: {error!r}",
            hint="a firewall or security program may block connections to 127.0.0.1",
        ) from error
