"""A review says what it has read of the folder and what not, and is shown what git says has changed, when asked about it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from core import events
from tests.support.team import EngineHarness, engine_harness


def make_project(folder: Path, *, is_repository: bool) -> Path:
    project = folder / "project"
    project.mkdir()
    (project / "app.py").write_text("print('hello')\n")
    (project / ".env").write_text("KEY=secret-value-1234\n")
    (project / "large.py").write_text("x = 1\n" * 20_000)
    if is_repository:
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        for arguments in (["init", "-q"], ["add", "app.py"], ["commit", "-qm", "first"]):
            names = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
            subprocess.run(["git", "-C", str(project), *names, *arguments], check=True, env=env)
        (project / "app.py").write_text("print('hello, you')\n")
    return project


def told(b: EngineHarness) -> list[str]:
    return [event.message for event in b.events.of(events.Warned) if "no changes" in event.message]


def folder_of(report: Path) -> dict[str, Any]:
    folder: dict[str, Any] = json.loads(report.read_text())["folder"]
    return folder


async def test_a_review_of_changes_is_shown_the_diff(tmp_path: Path) -> None:
    make_project(tmp_path, is_repository=True)
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Review my changes", workflow="review")

    assert outcome.status == "passed"
    diff = b.team.prompts("code_review")[0].partition("DIFF")[2]
    assert "-print('hello')" in diff
    assert "+print('hello, you')" in diff
    assert told(b) == []
    folder = folder_of(outcome.output_dir / "report.json")
    assert folder["changes"] is True
    assert folder["read"] == ["app.py"]
    assert folder["not_read"] == [
        ".env: may hold a secret",
        ".git: skipped folder",
        "large.py: larger than 65536 bytes",
    ]
    page = (outcome.output_dir / "report.md").read_text()
    assert "- the changes since the last commit, as git tells them\n- `app.py`\n- not read: .env: may hold" in page


async def test_a_review_that_is_not_asked_about_changes_runs_no_git(tmp_path: Path) -> None:
    make_project(tmp_path, is_repository=True)
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Is this any good?", workflow="review")

    assert b.team.prompts("code_review")[0].rstrip().endswith("DIFF")
    assert folder_of(outcome.output_dir / "report.json")["changes"] is False
    assert told(b) == []


async def test_changes_that_cannot_be_had_are_told_to_the_user_and_the_team(tmp_path: Path) -> None:
    make_project(tmp_path, is_repository=False)
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Review the diff", workflow="review")

    assert outcome.status == "passed"
    assert told(b) == ["the team is shown no changes: the folder is in no git repository"]
    assert "LEFT the changes: the folder is in no git repository" in b.team.prompts("code_review")[0]
    assert "the changes: the folder is in no git repository" in (outcome.output_dir / "report.json").read_text()
