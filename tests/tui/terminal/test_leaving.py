"""Leaving: what became of the run is said after the screen was given back, and the exit code is the run's."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from core.state.status import EndpointStatus, EngineStatus
from core.workflow.outcome import RunOutcome
from tests.support.pty_app import PtyApp
from tui.control.farewell import farewell

CRASH = """
import sys
from tui.app import QuintetApp
from tui.commands.cli import main

def crash(self, event):
    api_key = "sk-a-key-among-the-locals"
    raise RuntimeError("nobody expected this")

QuintetApp.on_key = crash
sys.exit(main([]))
"""


def status(*, running: bool) -> EngineStatus:
    endpoint = EndpointStatus(label="x", kind="remote", model="m", state="ready")
    return EngineStatus(endpoint=endpoint, running=running, files_written=2, output_dir="/made/here")


def outcome(status: str, reason: str = "") -> RunOutcome:
    return RunOutcome(status, "not_executed", reason, Path("/made/there"), ("a.py", "b.md"), "run")  # type: ignore[arg-type] # a table


@pytest.mark.parametrize(
    ("running", "ended", "words", "code"),
    [
        (None, None, (), 0),
        (False, None, (), 0),
        (True, None, ("the run was stopped; 2 files in /made/here",), 130),
        (True, outcome("passed"), ("the run was stopped; 2 files in /made/here",), 130),
        (False, outcome("passed"), ("passed; 2 files in /made/there",), 0),
        (False, outcome("failed", "a test\nis red"), ("failed: a test is red; 2 files in /made/there",), 1),
        (False, outcome("unverified", "not proven"), ("unverified: not proven; 2 files in /made/there",), 3),
        (False, outcome("stopped"), ("stopped; 2 files in /made/there",), 130),
    ],
)
def test_leaving_says_how_the_run_ended_and_where_its_files_are(
    running: bool | None, ended: RunOutcome | None, words: tuple[str, ...], code: int
) -> None:
    assert farewell(None if running is None else status(running=running), ended) == (words, code)


def test_leaving_after_a_run_that_could_not_begin_says_why_and_is_a_failure() -> None:
    words, code = farewell(status(running=False), None, "the proxy in ALL_PROXY\ncannot be used")

    assert (words, code) == (("the run did not begin: the proxy in ALL_PROXY cannot be used",), 1)


def test_leaving_without_a_run_says_nothing_and_is_no_failure(tmp_path: Path) -> None:
    with PtyApp(tmp_path) as app:
        app.read_until("^Q")
        app.send("\x11")

        assert app.read_to_end() == 0
        assert "file" not in app.text.rpartition("\x1b[?1049l")[2]


def test_a_crash_is_one_line_with_an_exit_code_and_shows_no_locals(tmp_path: Path) -> None:
    with PtyApp(tmp_path, program=CRASH, LOG_FILE=str(tmp_path / "quintet.log")) as app:
        app.read_until("127.0.0.1")  # the settings, and with them the log, are there
        app.send("\x1b[24~")  # F12, which nothing is bound to

        assert app.read_to_end() == 1
        after = app.text.rpartition("\x1b[?1049l")[2]
        assert "quintet: internal fault RuntimeError: nobody expected this - the log has the details: " in after
        assert "Traceback" not in app.text
        assert "sk-a-key-among-the-locals" not in app.text
    assert "the app crashed" in (tmp_path / "quintet.log").read_text()


def test_a_terminal_that_goes_away_without_a_signal_ends_the_app(tmp_path: Path) -> None:
    with PtyApp(tmp_path) as app:
        app.read_until("127.0.0.1")

        assert app.hang_up() == 128 + signal.SIGHUP
