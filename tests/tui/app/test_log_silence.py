"""What is logged while the app owns the terminal goes to the file and nowhere else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.support.repository import ROOT

PROGRAM = """
import logging, sys, threading, warnings
from core.telemetry.logs import current_log_file, log
from tui.app import QuintetApp

app = QuintetApp()

def speak():
    while current_log_file() is None and app.return_code is None:
        threading.Event().wait(0.01)
    log("ERROR", "MARK of ours")
    logging.getLogger("openai").error("MARK of a library")
    logging.error("MARK of nobody")
    warnings.simplefilter("always")
    warnings.warn("MARK of Python")
    app.call_from_thread(app.exit)

threading.Thread(target=speak, daemon=True).start()
app.run()
"""


def test_nothing_that_is_logged_reaches_the_terminal_of_the_app(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    log_file = tmp_path / "quintet.log"
    environment = os.environ | {
        "LLM_BASE_URL": "http://127.0.0.1:9/v1",
        "LLM_MODEL": "none",
        "LOG_FILE": str(log_file),
        "COLORED_CONSOLE": "true",
        "OPENAI_LOG": "debug",
        "TERM": "xterm-256color",
        "COLUMNS": "80",
        "LINES": "24",
        "PYTHONPATH": str(ROOT),
    }
    app = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, env=environment
    )
    os.close(slave)
    shown = b""
    try:
        while True:
            shown += os.read(master, 65536)
    except OSError:  # the program has ended
        app.wait()
    finally:
        app.kill()
        os.close(master)

    assert app.returncode == 0
    assert b"Quintet" in shown
    assert b"MARK" not in shown
    messages = [json.loads(line)["message"] for line in log_file.read_text().splitlines()]
    assert sum("MARK" in message for message in messages) == 4
