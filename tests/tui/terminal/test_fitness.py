"""A terminal without a size: the app takes the customary one, paints it once, and ends when it is told to."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PROGRAM = "import sys; from tui.commands.cli import main; sys.exit(main([]))"


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 100), (30, 0)])
def test_a_terminal_without_a_size_gets_one(tmp_path: Path, rows: int, columns: int) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    environment |= {"TERM": "xterm-256color", "LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_MODEL": "none"}
    app = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    shown = b""
    try:
        while b"^Q" not in shown:  # the footer: the whole screen has been painted
            shown += os.read(master, 65536)
        size = os.get_terminal_size(slave)
        app.send_signal(signal.SIGTERM)
        os.close(slave)
        while app.poll() is None:
            shown += os.read(master, 65536)
    except OSError:  # the program has ended
        app.wait()
    finally:
        app.kill()
        os.close(master)

    assert (size.lines, size.columns) == (rows or 24, columns or 80)
    assert app.returncode == 128 + signal.SIGTERM
    assert len(shown) < 200_000
