"""The commands of the README, and how a test runs one of them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
HEADLESS = [line for line in COMMANDS if line.startswith("uv run quintet run ")]
WITH_EVENTS = next(line for line in HEADLESS if "--json" in line)


def quintet(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line such as `uv run quintet doctor` in a folder, with the interpreter of the tests."""
    words = shlex.split(line.removeprefix("uv run quintet "))
    return subprocess.run(
        [sys.executable, "-m", "tui.commands.cli", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
