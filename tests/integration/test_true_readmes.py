"""Whole runs whose README is held against what is so: its commands are executed, its verdict is the executed one."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from core import events
from core.execution.readme.trial import DocumentedFolder, try_commands
from core.execution.sandbox.command import Limits
from core.execution.sandbox.ladder import choose_sandbox
from core.settings import ExecutionSettings
from core.workflow.outcome import RunOutcome
from tests.support.fault_server import error
from tests.support.team import EngineHarness, engine_harness

TASK = "Reverse a text"
PROGRAM = (
    "```python\nimport sys\n\n\ndef reverse(text: str) -> str:\n    return text[::-1]\n\n\n"
    "if __name__ == '__main__':\n    print(reverse(sys.argv[1]))\n```"
)
TESTS = "```python\nfrom reverse_text import reverse\n\n\ndef test_r1() -> None:\n    assert reverse('ab') == 'ba'\n\n\ndef test_r2() -> None:\n    assert reverse('') == ''\n```"
RED = TESTS.replace("== 'ba'", "== 'ab'")
GOOD = (
    "# Reverse\n\n```bash\npip install pytest\npython reverse_text.py abc\npython -m pytest\n```\n\nThe tests pass.\n"
)
CRASHES = GOOD.replace("reverse_text.py abc", "reverse_text.py")
MISSING = GOOD.replace("reverse_text.py abc", "reverse.py abc")


def commands(outcome: RunOutcome) -> dict[str, str]:
    return {row["command"]: row["result"] for row in outcome.evidence["readme_commands"]}


def told(b: EngineHarness) -> list[str]:
    return [event.message for event in b.events.of(events.Warned) if "README.md is not true" in event.message]


def answers(readme: object, tests: str = TESTS) -> dict[str, Any]:
    return {"code_file": PROGRAM, "test_file": tests, "readme": readme, "repair": GOOD}


async def test_the_commands_of_a_readme_are_run_and_reported(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, answers(GOOD), execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == "passed"
    assert commands(outcome) == {
        "pip install pytest": "not_run",
        "python reverse_text.py abc": "ran",
        "python -m pytest": "ran",
    }
    assert (told(b), b.team.prompts("repair")) == ([], [])
    report = json.loads((outcome.output_dir / "report.json").read_text())
    assert [row["exit_code"] for row in report["evidence"]["readme_commands"]] == [None, 0, 0]
    page = (outcome.output_dir / "report.md").read_text()
    assert "## README commands" in page
    assert "| `pip install pytest` | not run | it installs packages, which needs a network |" in page
    assert not (outcome.output_dir / "__pycache__").exists()


@pytest.mark.parametrize(
    ("readme", "quoted"),
    [
        (CRASHES, "`python reverse_text.py` ended with exit code 1 and said: "),
        (MISSING, "`python reverse.py abc` names reverse.py, which is not delivered"),
    ],
)
async def test_a_readme_whose_command_fails_is_asked_for_once_more(tmp_path: Path, readme: str, quoted: str) -> None:
    async with engine_harness(tmp_path, answers(readme), execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    (asked,) = b.team.prompts("repair")
    assert quoted in asked
    assert ("IndexError" in asked) == (readme == CRASHES)
    assert (outcome.output_dir / "README.md").read_text() == GOOD
    assert (outcome.status, told(b)) == ("passed", [])
    rejected = [event for event in b.events.of(events.FileRejected) if event.path == "README.md"]
    assert [(event.rule, event.asked_again) for event in rejected] == [("untrue", True)]


@pytest.mark.parametrize("again", [CRASHES, "no", error(401, "no such key", type="authentication_error")])
async def test_a_readme_that_stays_untrue_is_delivered_and_told(tmp_path: Path, again: object) -> None:
    script = {**answers(CRASHES), "repair": again}
    async with engine_harness(tmp_path, script, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.output_dir / "README.md").read_text() == CRASHES
    assert commands(outcome)["python reverse_text.py"] == "failed"
    (message,) = told(b)
    assert "`python reverse_text.py` ended with exit code 1" in message
    assert len(b.team.prompts("repair")) == 1
    assert "| `python reverse_text.py` | failed |" in (outcome.output_dir / "report.md").read_text()


async def test_a_readme_that_is_worse_when_asked_again_does_not_take_the_place_of_the_first(tmp_path: Path) -> None:
    worse = CRASHES.replace("python -m pytest", "python nothing.py\npython less.py")
    async with engine_harness(tmp_path, {**answers(CRASHES), "repair": worse}, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.output_dir / "README.md").read_text() == CRASHES


async def test_a_tiny_model_is_not_asked_again(tmp_path: Path) -> None:
    task = f"{TASK}: reverse('abc') == 'cba'"
    async with engine_harness(tmp_path, answers(CRASHES), execution__sandbox="auto", team__tier="tiny") as b:
        outcome = await b.engine.run(task)

    # The example of the task names the function, so the module has another name than this README says.
    assert commands(outcome)["python reverse_text.py"] == "missing"
    assert len(told(b)) == len(b.team.prompts("readme")) == 1
    assert b.team.prompts("repair") == []


async def test_a_readme_that_says_another_verdict_is_asked_for_again(tmp_path: Path) -> None:
    honest = GOOD.replace("The tests pass.", "The verdict is fail: test_r1 is red.")
    script = {**answers(GOOD, RED), "repair": honest}
    async with engine_harness(tmp_path, script, execution__sandbox="auto", team__max_rework_rounds=0) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.verdict == "fail"
    assert 'it says "The tests pass.", and the verdict of the executed tests is fail' in b.team.prompts("repair")[0]
    assert (outcome.output_dir / "README.md").read_text() == honest
    # Its tests are red, as it says: the command that runs them is true.
    assert (commands(outcome)["python -m pytest"], told(b)) == ("ran", [])


async def test_nothing_is_run_where_nothing_may_be(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, answers(CRASHES.replace("The tests pass.", ""))) as b:
        outcome = await b.engine.run(TASK)

    assert set(commands(outcome).values()) == {"not_run"}
    assert {row["why"] for row in outcome.evidence["readme_commands"]} == {
        "QUINTET_SANDBOX is off: nothing is executed"
    }
    assert b.team.prompts("repair") == []


async def test_a_verdict_is_compared_where_nothing_may_be_run(tmp_path: Path) -> None:
    script = {
        **answers("# Reverse\n\nReverses a text. All tests pass.\n"),
        "repair": GOOD.replace("The tests pass.", ""),
    }
    async with engine_harness(tmp_path, script) as b:
        await b.engine.run(TASK)

    assert "the verdict of the executed tests is not_executed" in b.team.prompts("repair")[0]


OWN = {
    "calc.py": "import sys\nprint(int(sys.argv[1]) + int(sys.argv[2]))\n",
    "ask.py": "print(input('name? '))\n",
    "fetch.py": "from urllib.request import urlopen\nprint(urlopen('http://example.com'))\n",
    "needs.py": "import nowhere_to_be_found\n",
    "loop.py": "while True:\n    pass\n",
    "usage.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('text')\np.parse_args()\n",
    "count.py": "import sys\nprint(len(open(sys.argv[1]).read()))\n",
    "run.sh": '#!/bin/sh\nexec python calc.py "$@"\n',
    "app.js": "console.log(process.argv[2])\n",
    "data/in.txt": "abc",
}


@pytest.mark.parametrize(
    ("readme", "results"),
    [
        ("```bash\npython calc.py 2 3\n./run.sh 2 3\nbash run.sh 2 3\n```", ["ran", "ran", "ran"]),
        ("```bash\npython ask.py\n```", ["not_run"]),
        ("```bash\necho Ann | python ask.py\n```", ["ran"]),
        ("```bash\npython fetch.py\n```", ["not_run"]),
        ("```bash\npython needs.py\n```", ["not_run"]),
        ("```bash\npython loop.py\n```", ["endless"]),
        ("It runs until you press Ctrl+C.\n\n```bash\npython loop.py\n```", ["not_run"]),
        ("```bash\npython usage.py\n```", ["ran"]),
        ("```bash\npython usage.py a b\n```", ["failed"]),
        ("A second word is an error:\n\n```bash\npython usage.py a b\n```", ["ran"]),
        ("```bash\npython count.py mine.txt\n```", ["not_run"]),
        ("```bash\necho hello > mine.txt\npython count.py mine.txt\n```", ["ran", "ran"]),
        ("```bash\ncd data\npython ../count.py in.txt\n```", ["not_run", "ran"]),
        ("```bash\nsqlite4 x.db\n```", ["not_run"]),
        ("```bash\npython calc.py 2 x\n```", ["failed"]),
        ("```bash\nnode app.js hello\n```", ["ran" if shutil.which("node") else "not_run"]),
    ],
)  # fmt: skip
async def test_each_command_has_a_result(tmp_path: Path, readme: str, results: Sequence[str]) -> None:
    for path, text in OWN.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "run.sh").chmod(0o755)
    documented = DocumentedFolder(tmp_path, tuple(OWN), "README.md", readme, "pass")
    sandbox = await choose_sandbox(ExecutionSettings())
    seconds = 1.0 if "loop.py" in readme else 60.0
    outcomes = await try_commands(documented, sandbox, Limits(), command_seconds=seconds)
    assert [outcome.result for outcome in outcomes] == results, outcomes
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({path.split("/")[0] for path in OWN})


async def test_a_command_that_is_stopped_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary, folder = tmp_path / "temporary", tmp_path / "folder"
    temporary.mkdir()
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (folder / "loop.py").write_text("open('started', 'w').close()\nwhile True:\n    pass\n")
    readme = "```bash\npython loop.py\n```"
    sandbox = await choose_sandbox(ExecutionSettings())
    documented = DocumentedFolder(folder, ("loop.py",), "README.md", readme, "pass")
    trying = asyncio.create_task(try_commands(documented, sandbox, Limits(), command_seconds=600.0))
    while not any(temporary.glob("*/tree/started")):
        await asyncio.wait({trying}, timeout=0.01)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying

    assert list(temporary.iterdir()) == []
    assert psutil.Process().children(recursive=True) == []
