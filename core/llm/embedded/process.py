"""One process of the embedded server: started with its configuration, read for its one line of output, ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from core.errors import ModelUnavailableError
from core.text.sanitize import printable_line

STOP_LIMIT_SECONDS = 3.0
MAX_LOG_BYTES = 2_000_000  # a longer log is started anew
ILLEGAL_INSTRUCTION_ON_WINDOWS = 0xC000001D

# Secrets live in the environment, so the child gets nothing but what a process needs to load its libraries.
INHERITED_VARIABLES = (
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SYSTEMROOT", "WINDIR", "TEMP", "TMP", "TMPDIR"),
    *("LANG", "LC_ALL"),
)


class ServerProcess:
    """A running child program and the pipe whose closing ends it, even when we are killed."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int, log_file: Path, log_start: int) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self._log_file = log_file
        self._log_start = log_start
        self._why_it_ended = ""

    @classmethod
    async def spawn(cls, program: Path, config: dict[str, object], log_file: Path) -> ServerProcess:
        """Start `program`, hand it `config` on stdin and send what else it writes to `log_file`.

        Raises:
            ModelUnavailableError: the log cannot be written or the process cannot be started.
        """
        log = _open_log(log_file)
        try:
            log_start = os.fstat(log).st_size
            process, lifeline = await _spawn(program, config, log, log_file.parent)
        finally:
            os.close(log)
        return cls(process, lifeline, log_file, log_start)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def read_url(self) -> str:
        """Return the address the child answers at, as soon as its model is loaded; the caller sets the time limit.

        Raises:
            ModelUnavailableError: the child reported an error or ended instead.
        """
        assert self._process.stdout is not None  # noqa: S101  # it was asked for as a pipe
        line = await self._process.stdout.readline()
        if not line:
            await self._process.wait()
            raise ModelUnavailableError(
                f"The embedded model's server ended while loading: {self.why_it_ended()}", hint=self._hint()
            )
        answer = _parse(line)
        match answer:
            case {"url": str(url)}:
                return url
            case {"error": "import", "message": str(message)}:
                raise ModelUnavailableError(
                    f"The package xllamacpp cannot be loaded: {printable_line(message)}",
                    hint="reinstall it (uv sync --reinstall-package xllamacpp), or name a server in LLM_BASE_URL",
                )
            case {"error": str(), "message": str(message)}:
                words = self.first_error_line() or printable_line(message)
                raise ModelUnavailableError(f'The embedded model could not be loaded: "{words}"', hint=self._hint())
            case _:
                words = printable_line(str(answer))
                raise ModelUnavailableError(
                    f'The embedded model\'s server said something unexpected: "{words}"', hint=self._hint()
                )

    def _hint(self) -> str:
        return f"see {self._log_file}, choose another file in llm.model_file, or name a server in LLM_BASE_URL"

    def why_it_ended(self) -> str:
        """Return in a few words why a process that is gone has ended; the log is read once, a status asks often."""
        self._why_it_ended = self._why_it_ended or self._find_why()
        return self._why_it_ended

    def _find_why(self) -> str:
        code = self._process.returncode
        if code in (-getattr(signal, "SIGILL", 4), ILLEGAL_INSTRUCTION_ON_WINDOWS):
            return "this processor lacks instructions that xllamacpp was built for"
        if code == -getattr(signal, "SIGKILL", 9):
            return "the system killed it, most likely because memory ran out"
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        words = self.first_error_line()
        return f'{how}, "{words}"' if words else how

    def first_error_line(self) -> str:
        """Return the first error this process logged, else the last line, fit for one line of a screen; "" if none."""
        try:
            with self._log_file.open("rb") as log:
                log.seek(self._log_start)
                text = log.read(MAX_LOG_BYTES).decode("utf-8", errors="replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if " E " in line[:24]]  # 0.00.025.453 E llama_model_load: error ...
        chosen = errors[:1] or lines[-1:]
        return printable_line(chosen[0].partition(" E ")[2] or chosen[0]) if chosen else ""

    async def end(self, *, grace_seconds: float) -> None:
        """Terminate the process, and kill it when it is still there after `grace_seconds`; may be called again."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if self.is_running and grace_seconds > 0:
            self._process.terminate()
            try:
                async with asyncio.timeout(grace_seconds):
                    await self._process.wait()
            except TimeoutError:
                pass
            except asyncio.CancelledError:
                self._kill()
                raise
        self._kill()
        await self._process.wait()
        if self._process.stdout is not None:
            await self._process.stdout.read()  # to its end, upon which asyncio closes the pipe

    def _kill(self) -> None:
        if self.is_running:
            try:
                self._process.kill()
            except ProcessLookupError:
                return


async def _spawn(
    program: Path, config: dict[str, object], log: int, folder: Path
) -> tuple[asyncio.subprocess.Process, int]:
    reading_end, lifeline = os.pipe()
    try:
        os.write(lifeline, json.dumps(config).encode() + b"\n")  # fits the pipe's buffer: no reader is needed yet
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",  # neither the workspace nor PYTHONPATH may put modules before the standard library's
            str(program),
            stdin=reading_end,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ},
            start_new_session=sys.platform != "win32",  # Ctrl+C is for us, we end the child when our calls are closed
            creationflags=_creation_flags(),
        )
    except BaseException as error:
        os.close(lifeline)
        if isinstance(error, OSError):
            raise ModelUnavailableError(
                f"The embedded model's server cannot be started: {error.strerror}",
                hint="see whether the system is out of processes or memory",
            ) from error
        raise
    finally:
        os.close(reading_end)
    return process, lifeline


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0


def _open_log(log_file: Path) -> int:
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(log).st_size > MAX_LOG_BYTES:
            os.ftruncate(log, 0)
    except OSError as error:
        raise ModelUnavailableError(
            f"The embedded model's log {log_file} cannot be written: {error.strerror}",
            hint="make its folder writable, or set XDG_STATE_HOME to a folder that is",
        ) from error
    return log


def _parse(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return line.decode("utf-8", errors="replace")
