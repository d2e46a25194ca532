"""Time from the start of the process to the first painted screen: Quintet against a Textual app with one widget.

Both run in a pseudo-terminal of 120x40; the sides alternate, the figure is the median. Run it with
`uv run python -m benchmarks.first_paint`.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from importlib.metadata import version
from pathlib import Path

ROUNDS = 7
LIMIT_SECONDS = 30.0
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App[None]):
    def compose(self):
        yield Static("Quintet")

Bare().run()
"""
SIDES = {"bare": [sys.executable, "-c", BARE], "quintet": [sys.executable, "-m", "tui.commands.cli"]}
LAST_WORDS = {"bare": b"Quintet", "quintet": b"Newline"}
"""What the first frame must show: for Quintet something of its last line, so that nothing above it is missing."""


def seconds_to_first_paint(side: str, home: Path) -> float:
    """Start one side and return when its words stand on the screen."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {**os.environ, "HOME": str(home), "TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd())}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # both sides start from compiled files, as installed programs do
    started = time.perf_counter()
    process = subprocess.Popen(SIDES[side], stdin=follower, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    seen = b""
    try:
        while LAST_WORDS[side] not in seen:
            if time.perf_counter() - started > LIMIT_SECONDS:
                raise TimeoutError(f"nothing painted within {LIMIT_SECONDS} s: {seen[-300:]!r}")
            if select.select([leader], [], [], 0.05)[0]:
                seen += os.read(leader, 65536)
        return time.perf_counter() - started
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def main() -> None:
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as home:
        for side in SIDES:
            seconds_to_first_paint(side, Path(home))  # compiles what is not compiled yet
        for _ in range(ROUNDS):
            for side in SIDES:
                times[side].append(seconds_to_first_paint(side, Path(home)))
    medians = {side: statistics.median(values) for side, values in times.items()}
    print(
        json.dumps(
            {
                "benchmark": "first_paint",
                "bare_seconds": round(medians["bare"], 3),
                "quintet_seconds": round(medians["quintet"], 3),
                "ratio": round(medians["quintet"] / medians["bare"], 2),
                "rounds": ROUNDS,
                "python": platform.python_version(),
                "textual": version("textual"),
            }
        )
    )


if __name__ == "__main__":
    main()
