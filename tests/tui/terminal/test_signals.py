"""A signal ends the app in good order; a terminal that goes away does not leave it behind."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PROGRAM = "import sys; from tui.app import QuintetApp; sys.exit(QuintetApp().run())"


@pytest.mark.parametrize(
    ("number", "is_hung_up"),
    [
        (signal.SIGTERM, False),
        (signal.SIGINT, False),
        (signal.SIGQUIT, False),
        (signal.SIGHUP, False),
        (signal.SIGHUP, True),
    ],
)
def test_a_signal_ends_the_app_with_its_code(number: signal.Signals, is_hung_up: bool, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    environment = os.environ | {
        "LLM_BASE_URL": "http://127.0.0.1:9/v1",
        "LLM_MODEL": "none",
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "LINES": "24",
    }
    app = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, env=environment
    )
    os.close(slave)
    with app:
        shown = b""
        while b"specialists" not in shown:
            shown += os.read(master, 65536)
        if is_hung_up:
            os.close(master)
        app.send_signal(number)
        while not is_hung_up and app.poll() is None:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
        assert app.wait(timeout=30) == 128 + number
    if not is_hung_up:
        os.close(master)
        assert b"\x1b[?1049l" in shown  # back on the main screen
