"""Every command of the README that needs no server of the reader's own runs as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
HEADLESS = [line for line in COMMANDS if line.startswith("uv run quintet run ")]


def quintet(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line.removeprefix("uv run quintet "))
    return subprocess.run(
        [sys.executable, "-m", "tui.commands.cli", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_readme_shows_both_commands_that_do_everything() -> None:
    assert {"uv run quintet", "uv run pytest"} <= set(COMMANDS)
    assert len(HEADLESS) >= 2


def test_every_file_the_readme_points_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)

    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []


@pytest.mark.embedded
@pytest.mark.timeout(600)
@pytest.mark.parametrize("line", HEADLESS)
def test_a_headless_command_of_the_readme_leaves_files(line: str, tmp_path: Path) -> None:
    done = quintet(line, tmp_path)

    assert done.returncode in (1, 3), (
        done.stderr
    )  # 1: a file of the tiny model may not be accepted; 3: nothing executes its tests
    assert list(tmp_path.rglob("README.md")) or "README.md not accepted" in done.stderr


@pytest.mark.embedded
def test_the_doctor_finds_everything_after_a_fresh_install(tmp_path: Path) -> None:
    done = quintet("uv run quintet doctor", tmp_path)

    assert done.returncode == 0, done.stdout
    assert "everything is there" in done.stdout
