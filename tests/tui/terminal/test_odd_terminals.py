"""Odd terminals: those that cannot draw, those without colours, and bytes that are no text."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.support.pty_app import PtyApp

FOOTER = "^Q"


@pytest.mark.parametrize("term", ["dumb", "unknown", "DUMB"])
def test_a_terminal_that_cannot_draw_is_refused_in_one_line(tmp_path: Path, term: str) -> None:
    with PtyApp(tmp_path, TERM=term) as app:
        code = app.read_to_end()

        assert code == 2
        (line,) = app.text.splitlines()
        assert line.startswith(
            f"quintet: the app cannot draw on a terminal of the kind TERM={term} - use `quintet run TASK`"
        )


@pytest.mark.parametrize("term", [None, "", "vt100", "linux", "screen", "no-such-terminal"])
def test_any_other_terminal_is_tried_and_a_signal_ends_it(tmp_path: Path, term: str | None) -> None:
    with PtyApp(tmp_path, TERM=term) as app:
        app.read_until(FOOTER)

        assert app.end() == 128 + signal.SIGTERM
        assert len(app.shown) < 400_000


@pytest.mark.parametrize("colours", ["truecolor", None])
@pytest.mark.parametrize("term", ["xterm-256color", "xterm", "linux"])
def test_no_color_draws_in_the_terminals_own_colours(tmp_path: Path, colours: str | None, term: str) -> None:
    with PtyApp(tmp_path, NO_COLOR="1", COLORTERM=colours, TERM=term) as app:
        app.read_until(FOOTER)
        app.end()

        codes = {code for sequence in re.findall(r"\x1b\[([\d;]*)m", app.text) for code in sequence.split(";")}
        assert codes <= {"", "0", "1", "2", "3", "4", "7", "9", "39", "49"}


BYTES = {
    "a paste in Latin-1": b"caf\xe9 cr\xe8me",
    "a legacy mouse report": b"\x1b[M \xff\x80",
    "half a character": b"\xe2\x82",
    "never a character": b"\xff\xfe\xf8\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
}


@pytest.mark.parametrize("data", BYTES.values(), ids=BYTES)
def test_bytes_that_are_no_text_are_dropped_and_typing_goes_on(tmp_path: Path, data: bytes) -> None:
    with PtyApp(tmp_path) as app:
        app.read_until(FOOTER)

        app.send(data)
        app.send("still here")
        app.read_until("still here")

        assert app.end() == 128 + signal.SIGTERM
        assert "Traceback" not in app.text
