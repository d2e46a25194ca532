"""The real program on a real terminal of ours: what it writes, what it is sent, how it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.repository import ROOT

PROGRAM = "import sys; from quintet import main; sys.exit(main())"
WAIT_SECONDS = 50.0  # a guard for a program that hangs, not a limit of its speed
READ_BYTES = 65536


class PtyApp:
    """Quintet on a pseudo terminal; `environment` is added to, None takes a variable away."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        program: str = PROGRAM,
        columns: int = 80,
        rows: int = 24,
        **environment: str | None,
    ) -> None:
        wanted: dict[str, str | None] = {
            **os.environ,
            "COLUMNS": None,
            "LINES": None,
            "TERM": "xterm-256color",
            "LLM_BASE_URL": "http://127.0.0.1:9/v1",
            "LLM_MODEL": "none",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self.shown = b""
        self._is_open = True
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={name: value for name, value in wanted.items() if value is not None},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self._is_open:
            os.close(self._master)

    @property
    def text(self) -> str:
        return self.shown.decode(errors="replace")

    def send(self, data: bytes | str) -> None:
        os.write(self._master, data.encode() if isinstance(data, str) else data)

    def read_until(self, text: str) -> None:
        """Read until the program has shown this from here on; AssertionError when it ends or hangs before."""
        start = len(self.shown)
        while text.encode() not in self.shown[start:]:
            assert self._read(), f"the program ended or hung before it showed {text!r}: {self.text[-2000:]}"

    def read_to_end(self) -> int:
        """Read until the program ends, and return its exit code."""
        while self._read():
            pass
        return self.process.wait(WAIT_SECONDS)

    def hang_up(self) -> int:
        """Take the terminal away without a signal, and return the program's exit code."""
        os.close(self._master)
        self._is_open = False
        return self.process.wait(WAIT_SECONDS)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell the program to end, and return its exit code."""
        self.process.send_signal(number)
        return self.read_to_end()

    def _read(self) -> bool:
        if not select.select([self._master], [], [], WAIT_SECONDS)[0]:
            return False
        try:
            data = os.read(self._master, READ_BYTES)
        except OSError:  # nobody has the other end any more
            return False
        self.shown += data
        return bool(data)
