"""The main job on the real embedded model, headless: a task goes in, real files come out, or it is said why not."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.workspace.checks import check_file

ROOT = Path(__file__).parents[2]
TASK = "Write a Python function that reverses a string, with tests"


@pytest.mark.embedded
@pytest.mark.timeout(600)  # a slow machine with two cores
def test_the_embedded_model_takes_the_sample_task_to_real_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "run", TASK, "--json", "--output", "done"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in (0, 1), done.stderr
    events: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    written = {event["path"] for event in events if event["type"] == "file_written"}
    rejected = {event["path"]: event["why"] for event in events if event["type"] == "file_rejected"}
    finished = events[-1]

    assert events[0]["model"].startswith("SmolLM2-135M")
    assert any("tiny" in event["message"] for event in events if event["type"] == "warned")
    # Each deliverable is there, or it was said plainly that it is not and why.
    wanted = {"brief.md", "reverses_string.py", "test_reverses_string.py", "README.md", "run.sh"}
    assert written | set(rejected) == wanted
    assert set(finished["files"]) == written
    assert len(written) >= 3
    assert all(why for why in rejected.values())
    for path in written:
        text = (tmp_path / "done" / path).read_text()
        assert check_file(path, text) is None
    assert ast.parse((tmp_path / "done" / "reverses_string.py").read_text()).body
    assert (finished["status"] == "passed") == (done.returncode == 0)
    spoke = {event["agent_id"] for event in events if event["type"] == "tokens_received"}
    assert len(spoke) == 5
