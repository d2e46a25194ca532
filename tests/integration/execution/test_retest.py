"""`quintet test` executes a folder's tests once more, says what they prove, and changes nothing in it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.execution.sandbox.bubblewrap import find_bwrap
from core.workspace.files.folder import OutputFolder
from tests.support.repository import ROOT
from tui.commands.cli import main

needs_sandbox = pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine")

CODE = "def rev(text):\n    return text[::-1]\n"
TEST = 'from rev import rev\n\n\ndef test_r1_reverses():\n    assert rev("ab") == "ba"\n'
RED = TEST.replace('"ba"', '"bax"')
EMPTY_TEST = "import rev\n\n\ndef test_r1_is_there():\n    assert rev\n"


def folder_of(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


@needs_sandbox
@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        (
            {"rev.py": CODE, "test_rev.py": TEST},
            0,
            ["passed   test_rev.py::test_r1_reverses", "passed, verdict pass: 1"],
        ),
        (
            {"rev.py": CODE, "test_rev.py": RED},
            1,
            ["FAILED   test_rev.py::test_r1_reverses", "verdict fail: 1 test, 1 red", "at fault: developer, in rev.py"],
        ),
        ({"rev.py": CODE, "test_rev.py": EMPTY_TEST}, 3, ["proves nothing: green without", "verdict unproven"]),
        ({"rev.py": CODE, "test_rev.py": "import nowhere_to_be_found\n"}, 1, ["nowhere_to_be_found"]),
        (
            {"rev.py": CODE, "test_rev.py": "def test_x(:\n"},
            1,
            ["BROKEN   test_rev.py", "at fault: qa, in test_rev.py"],
        ),
        ({"src/rev.py": CODE, "tests/test_rev.py": TEST}, 1, ["BROKEN"]),
        ({"rev.py": CODE}, 3, ["there is no test file in this folder", "name the folder of a run"]),
        ({}, 3, ["there is no test file in this folder"]),
        ({"x.rb": "", "test_x.rb": ""}, 3, ["there is no test runner for"]),
    ],
)
def test_the_exit_code_is_that_of_the_status_and_the_folder_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: Mapping[str, str], code: int, words: list[str]
) -> None:
    folder = folder_of(tmp_path / "made", {"README.md": "#", **files})
    before = tree(folder)

    ended = main(["test", str(folder)])

    out = capsys.readouterr().out
    assert ended == code, out
    assert [word for word in words if word not in out] == [], out
    assert tree(folder) == before


@needs_sandbox
def test_the_manifest_says_what_is_code_and_what_is_a_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = OutputFolder(tmp_path / "made")
    made.prepare()
    made.describe(run_id="r", task="t", workflow="delivery")
    for path, text, role in (
        ("rev.py", CODE, "code"),
        ("test_rev.py", TEST, "test"),
        ("test_data.py", "X = 1\n", "code"),
    ):
        made.write(path, text, role=role, agent_id="developer", round=0, status="ok")

    code = main(["test", str(made.root), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert (code, document["status"], document["folder"]) == (0, "passed", str(made.root))
    assert [test["id"] for test in document["evidence"]["tests"]] == ["test_rev.py::test_r1_reverses"]


@pytest.mark.parametrize("words", [["/nowhere/at/all"], [__file__], ["--sing"]])
def test_what_cannot_be_tested_is_a_mistake_in_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["test", *words])
    except SystemExit as end:  # argparse
        code = int(end.code or 0)

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_without_a_sandbox_nothing_is_executed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINTET_SANDBOX", "off")
    acts = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n{TEST}"
    folder = folder_of(tmp_path / "made", {"rev.py": CODE, "test_rev.py": acts})

    assert main(["test", str(folder)]) == 3
    assert "QUINTET_SANDBOX is off" in capsys.readouterr().out
    assert not (tmp_path / "ran").exists()


def until_a_copy_is_made(temporary: Path) -> None:
    while not list(temporary.rglob("test_rev.py")):
        os.sched_yield()


@needs_sandbox
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_ends_it_and_leaves_nothing(tmp_path: Path, which: signal.Signals) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    endless = "import time\n\n\ndef test_x():\n    time.sleep(600)\n"
    folder = folder_of(tmp_path / "made", {"rev.py": CODE, "test_rev.py": endless})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui.commands.cli", "test", str(folder)),
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await asyncio.to_thread(until_a_copy_is_made, temporary)
    process.send_signal(which)
    _, err = await process.communicate()

    assert process.returncode == 130
    assert b"Traceback" not in err
    assert list(temporary.iterdir()) == []
