"""What has changed in a folder, as git tells it, in real repositories; nothing that a repository names is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from core.workflow.source_folder import asks_for_changes
from core.workspace.files.git_changes import read_changes

BUDGET = 10_000


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "-C", str(folder), *names, *arguments], check=True, capture_output=True, env=env)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    git(root, "init", "-q")
    for name in ("one.py", "two.py", "sub/three.py", ".env"):
        (root / name).write_text(f"# {name}\n")
    git(root, "add", "-A", "-f")
    git(root, "commit", "-qm", "first")
    return root


def test_changes_are_those_since_the_last_commit_staged_or_not(folder: Path) -> None:
    (folder / "one.py").write_text("# one.py\nprint('new')\n")
    (folder / "two.py").unlink()
    (folder / "sub/three.py").write_text("# 3\n")
    git(folder, "add", "sub/three.py")
    (folder / "fresh.py").write_text("x = 1\n")

    changes = read_changes(folder, BUDGET)
    assert (changes.left_out, changes.trouble) == ((), "")
    for line in ("+print('new')", "-# two.py", "+# 3", "New files that git does not track:\nfresh.py"):
        assert line in changes.text
    assert "one.py" not in read_changes(folder / "sub", BUDGET).text


def test_secrets_and_what_there_is_no_room_for_are_left_out(folder: Path) -> None:
    (folder / ".env").write_text("KEY=abcdef\n")
    (folder / "one.py").write_text("1\n")
    (folder / "two.py").write_text("-----BEGIN RSA PRIVATE KEY-----\n")
    (folder / "sub/three.py").write_text("x\n" * 3000)
    (folder / "id_rsa").write_text("new")

    changes = read_changes(folder, 5_000)
    assert changes.left_out == (
        "changes of .env: may hold a secret",
        "changes of sub/three.py: no room left",
        "changes of two.py: may hold a secret",
    )
    assert "abcdef" not in changes.text
    assert "id_rsa" not in changes.text
    assert "+1" in changes.text


def test_why_there_are_no_changes_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(folder / ".git"))  # the user's own variables count for nothing here

    assert read_changes(folder, BUDGET).trouble == "nothing has changed since the last commit"
    assert read_changes(tmp_path / "new", BUDGET).trouble == "the repository has no commit to compare with"
    assert read_changes(tmp_path / "empty", BUDGET).trouble == "the folder is in no git repository"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert read_changes(folder, BUDGET).trouble == "git is not installed"


def test_no_program_that_a_repository_names_is_run(folder: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/sprung\ncat\n')
    trap.chmod(0o755)
    (folder / ".git/hooks").mkdir(exist_ok=True)
    for hook in ("post-index-change", "fsmonitor-watchman"):
        (folder / ".git/hooks" / hook).write_text(trap.read_text())
        (folder / ".git/hooks" / hook).chmod(0o755)
    for name in ("filter.evil.clean", "filter.evil.process", "diff.evil.textconv", "diff.evil.command"):
        git(folder, "config", name, str(trap))
    git(folder, "config", "filter.evil.required", "true")
    for name in ("core.fsmonitor", "diff.external", "core.pager", "pager.diff", "core.sshCommand"):
        git(folder, "config", name, str(trap))
    (folder / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    (folder / "one.py").write_text("# changed\n")
    (tmp_path / "sprung").unlink(missing_ok=True)

    assert "+# changed" in read_changes(folder, BUDGET).text
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("task", "asks"),
    [
        ("Review my changes", True),
        ("Review the git diff", True),
        ("Is this PR ready?", True),
        ("Look at what I changed since yesterday", True),
        ("review the last commit", True),
        ("Pr\u00fcfe meine \u00c4nderungen", True),
        ("\u770b\u770b\u6211\u7684\u6539\u52a8", True),
        ("Is this any good?", False),
        ("What should be better? Suggest improvements", False),
        ("Review how it handles exchange rates and different inputs", False),
        ("Is the prime check right?", False),
    ],
)
def test_a_task_asks_for_changes_or_not(task: str, asks: bool) -> None:
    assert asks_for_changes(task) is asks
