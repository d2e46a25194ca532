"""Every command of the README that needs no server of the reader's own runs as written.

The one that prints its events is followed to its files in test_embedded_run.py.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.readme import COMMANDS, HEADLESS, README, WITH_EVENTS, quintet
from tests.support.repository import ROOT

TEST_AGAIN = next(line for line in COMMANDS if line.startswith("uv run quintet test "))


def test_the_readme_shows_both_commands_that_do_everything() -> None:
    assert {"uv run quintet", "uv run pytest"} <= set(COMMANDS)
    assert len(HEADLESS) >= 2


def test_every_file_the_readme_points_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)

    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []


@pytest.mark.embedded
@pytest.mark.timeout(600)
@pytest.mark.parametrize("line", [line for line in HEADLESS if line != WITH_EVENTS])
def test_a_headless_command_of_the_readme_leaves_files(line: str, tmp_path: Path) -> None:
    done = quintet(line, tmp_path)

    # 0: the example of the task is green; 1: it is red, or a file was not accepted; 3: there is no sandbox on this machine.
    assert done.returncode in (0, 1, 3), done.stderr
    if "--output demo" in line:
        report = json.loads((tmp_path / "demo" / "report.json").read_text(encoding="utf-8"))
        again = quintet(f"{TEST_AGAIN} --json", tmp_path)
        assert json.loads(again.stdout)["evidence"]["verdict"] == report["verdict"], again.stdout
    assert list(tmp_path.rglob("README.md")) or "README.md not accepted" in done.stderr


@pytest.mark.embedded
def test_the_doctor_finds_everything_after_a_fresh_install(tmp_path: Path) -> None:
    done = quintet("uv run quintet doctor", tmp_path)

    assert done.returncode == 0, done.stdout
    assert "everything is there" in done.stdout
