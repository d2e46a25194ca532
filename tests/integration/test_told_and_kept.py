"""Runs in a folder that others reach too, and answers that hold more or less than was asked for: nothing goes without a word."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.events import Event, FileRejected, FileWritten, RunFinished, Warned
from tests.support.fault_server import DONE, finish, stream, token
from tests.support.team import ANSWERS, CODE, DELIVERED, EngineHarness, engine_harness
from tui.words.narration import Narrator

TASK = "Reverse a text"
BROKEN = "```python\ndef reverse(text:\n```"


def lines(b: EngineHarness) -> str:
    """Return what a run without a terminal prints."""
    narrator = Narrator(title=str)
    return "\n".join(filter(None, (narrator.tell(event).log for event in b.events.events)))


def manifest(folder: Path) -> dict[str, list[dict[str, object]]]:
    loaded: dict[str, list[dict[str, object]]] = json.loads((folder / "manifest.json").read_text())
    return loaded


async def run_and_do(b: EngineHarness, target: Path, act: Callable[[], object], *, after: str) -> RunFinished:
    """Run the task, and act as soon as the file is written."""
    running = asyncio.create_task(b.engine.run(TASK, output_dir=target))
    await b.events.until(lambda: any(event.path == after for event in b.events.of(FileWritten)))
    act()
    await running
    return b.events.of(RunFinished)[-1]


def swap_for_link(target: Path, elsewhere: Path) -> None:
    target.rename(target.with_name("moved"))
    target.symlink_to(elsewhere)


@pytest.mark.parametrize(
    ("act", "told"),
    [(swap_for_link, "was replaced by a link"), (lambda target, _: shutil.rmtree(target), "was removed")],
)
async def test_an_output_folder_that_is_swapped_or_removed_ends_the_run_by_its_name(
    tmp_path: Path, act: Callable[[Path, Path], None], told: str
) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with engine_harness(tmp_path) as b:
        finished = await run_and_do(b, target, lambda: act(target, elsewhere), after="brief.md")

    assert finished.status == "failed"
    assert told in finished.reason
    assert finished.files == ()
    assert list(elsewhere.iterdir()) == []


async def test_a_second_run_in_the_same_folder_is_told_and_takes_one_of_its_own(tmp_path: Path) -> None:
    target, goes_on = tmp_path / "target", asyncio.Event()
    slow = stream(goes_on, token(CODE), finish(), DONE)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with engine_harness(tmp_path / "first", {"code_file": [slow]}) as first:
        running = asyncio.create_task(first.engine.run(TASK, output_dir=target))
        await first.events.until(lambda: any(event.path == "brief.md" for event in first.events.of(FileWritten)))
        async with engine_harness(tmp_path / "second") as second:
            other = await second.engine.run(TASK, output_dir=target)
        goes_on.set()
        kept = await running
        again = await first.engine.run(TASK, output_dir=target)

    assert kept.output_dir == again.output_dir == target
    assert other.output_dir == tmp_path / f"target-{other.run_id}"
    assert [kept.status, other.status] == [DELIVERED, DELIVERED]
    assert {entry["run_id"] for entry in manifest(other.output_dir)["files"]} == {other.run_id}
    assert other.run_id not in (target / "manifest.json").read_text()
    [told] = [event.message for event in second.events.of(Warned) if "writes to this folder" in event.message]
    assert told == (
        f"another run (process {os.getpid()}) writes to this folder: {target}; the files of this run go to {other.output_dir}"
    )
    assert told in lines(second)
    assert "writes to this folder" not in lines(first)


async def test_a_file_that_vanished_is_not_delivered(tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with engine_harness(tmp_path) as b:
        finished = await run_and_do(b, target, (target / "brief.md").unlink, after="run.sh")

    assert finished.status == "failed"
    assert "gone before the run ended: brief.md" in finished.reason
    assert "brief.md" not in finished.files
    assert "run.sh" in finished.files
    assert "gone before the run ended: brief.md" in lines(b)
    assert {entry["path"] for entry in manifest(target)["files"] if entry["status"] == "missing"} == {"brief.md"}


async def test_what_the_user_changed_is_kept_and_told(tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with engine_harness(tmp_path) as b:
        await b.engine.run(TASK, output_dir=target)
        assert not any(event.kept for event in b.events.of(FileWritten))
        (target / "README.md").write_text("my own words")
        await b.engine.run(TASK, output_dir=target)

    kept = [event.kept for event in b.events.of(FileWritten) if event.kept]
    assert kept == [".quintet/versions/README.md.1"]
    assert (target / kept[0]).read_text() == "my own words"
    assert f"is now {kept[0]}" in lines(b)


async def test_a_second_task_shows_the_team_nothing_of_the_first(tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with engine_harness(tmp_path) as b:
        b.team.module = "parse_dates"
        first = await b.engine.run("Parse dates", output_dir=target)
        b.team.module = "reverse_text"
        (target / "reverse_text.py").write_text("old = 'another task'\n")
        outcome = await b.engine.run(TASK, output_dir=target)

    assert "another task" not in b.team.prompts("code_file")[-1]
    assert "parse_dates.py" not in outcome.files
    owners = {entry["path"]: entry["run_id"] for entry in manifest(target)["files"]}
    assert owners["parse_dates.py"] == first.run_id
    assert owners["reverse_text.py"] == outcome.run_id
    assert any("of an earlier run" in event.message for event in b.events.of(Warned))


async def test_an_answer_that_is_not_taken_is_an_event_and_a_line(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"code_file": BROKEN, "repair:reverse_text.py": CODE}) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == DELIVERED
    (rejected,) = b.events.of(FileRejected)
    assert (rejected.path, rejected.rule, rejected.asked_again) == ("reverse_text.py", "invalid", True)
    assert "reverse_text.py is asked for again: line 1" in lines(b)
    (recorded,) = manifest(outcome.output_dir)["rejected"]
    assert (recorded["path"], recorded["rule"], recorded["asked_again"]) == ("reverse_text.py", "invalid", True)
    assert b.engine.status().files_rejected == 0


def of_path(events: list[Event], path: str) -> FileWritten:
    return next(event for event in events if isinstance(event, FileWritten) and event.path == path)


@pytest.mark.parametrize(
    ("rest", "ignored"),
    [
        ("\n\n```bash\npython reverse_text.py\n```", ("a block of bash (1 line)",)),
        ("\n\n```python helper.py\nx = 1\ny = 2\n```", ("a block of helper.py (2 lines)",)),
        ("\n\n" + CODE, ()),
    ],
)
async def test_blocks_that_were_not_taken_are_named(tmp_path: Path, rest: str, ignored: tuple[str, ...]) -> None:
    async with engine_harness(tmp_path, {"code_file": CODE + rest}) as b:
        outcome = await b.engine.run(TASK)

    assert of_path(b.events.events, "reverse_text.py").ignored == ignored
    entry = next(entry for entry in manifest(outcome.output_dir)["files"] if entry["path"] == "reverse_text.py")
    assert entry["ignored"] == list(ignored)
    if ignored:
        assert f"left out of the answer: {ignored[0]}" in lines(b)


def test_the_answers_of_the_scripted_team_hold_nothing_to_ignore() -> None:
    assert all(answer.count("```") <= 2 for answer in ANSWERS.values())


async def test_requirements_beyond_the_limit_are_told(tmp_path: Path) -> None:
    brief = "# Brief\n\n" + "".join(f"R{number}: requirement number {number} holds\n" for number in range(1, 24))
    async with engine_harness(tmp_path, {"brief": brief}) as b:
        await b.engine.run(TASK)

    (warned,) = b.events.of(Warned)
    assert "23 requirements" in warned.message
    assert "not R21, R22, R23" in warned.message
    assert warned.message in lines(b)


async def test_sources_that_no_prompt_has_room_for_are_told_once(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text("x = 1\n")
    (project / "big.py").write_text("# big\n" * 20_000)
    (project / ".env").write_text("A=1\n")
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Is this any good?", workflow="review")

    assert outcome.status == "passed"
    (warned,) = b.events.of(Warned)
    assert "big.py: larger than" in warned.message
    assert ".env" not in warned.message
