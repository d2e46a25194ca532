"""What is sent to the terminal's clipboard, and when nothing is."""

from __future__ import annotations

import base64

from tui.control.clipboard import osc52, write_copy


def test_the_text_goes_out_whole() -> None:
    sequence = osc52("grüße\n", in_tmux=False)

    assert sequence is not None
    encoded = sequence.removeprefix("\x1b]52;c;").removesuffix("\a")
    assert base64.b64decode(encoded).decode() == "grüße\n"


def test_tmux_gets_the_form_that_it_passes_on() -> None:
    inside, outside = osc52("x", in_tmux=True), osc52("x", in_tmux=False)

    assert outside is not None
    assert inside == "\x1bPtmux;\x1b" + outside + "\x1b\\"


def test_a_text_that_terminals_would_drop_is_not_sent() -> None:
    assert osc52("x" * 80_000, in_tmux=False) is None


def test_the_file_holds_the_same_text() -> None:
    assert write_copy("grüße\n", "developer.md").read_text(encoding="utf-8") == "grüße\n"
