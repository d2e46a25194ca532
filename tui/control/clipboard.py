"""Getting text out of the terminal: OSC 52 for the clipboard, and always a file, because no terminal answers."""

from __future__ import annotations

import base64
from pathlib import Path

import platformdirs

LONGEST_OSC52_BYTES = 75_000  # beyond it terminals drop the whole sequence without a word


def osc52(text: str, *, in_tmux: bool) -> str | None:
    """Return the sequence that asks the terminal to take `text`; None when it is too long for one.

    tmux swallows the sequence unless it is wrapped, and passes it on only with `set -g allow-passthrough on`.
    """
    encoded = base64.b64encode(text.encode("utf-8")).decode("ascii")
    if len(encoded) > LONGEST_OSC52_BYTES:
        return None
    sequence = f"\x1b]52;c;{encoded}\a"
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" if in_tmux else sequence


def write_copy(text: str, name: str) -> Path:
    """Write `text` to a file of the user's state folder and return its path; raises OSError."""
    folder = platformdirs.user_state_path("quintet", appauthor=False) / "copies"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file
