"""Every run leaves a report in its output folder, whatever its end was; nobody else writes in its place."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from core.events import TokensReceived, Warned
from tests.support.fault_server import error, stream, token
from tests.support.team import DELIVERED, engine_harness

TASK = "Reverse a text"


def report_in(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert (folder / "report.md").read_text(encoding="utf-8").splitlines()[1].startswith(f"# {report['status']}: ")
    return report


async def test_a_run_that_comes_to_its_end_reports_what_it_made_and_what_that_cost(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run(TASK)

    report = report_in(outcome.output_dir)
    assert (report["status"], report["verdict"], report["task"]) == (DELIVERED, outcome.verdict, TASK)
    assert [file["path"] for file in report["files"]] == list(outcome.files)
    code = next(file for file in report["files"] if file["role"] == "code")
    assert (code["path"], code["by"]) == ("reverse_text.py", "developer")
    assert code["tokens"] > 0
    assert code["cost"] == "local"
    assert report["tokens"] == sum(row["tokens"] for row in report["agents"]) > code["tokens"]
    assert report["commands"]["test"]
    assert "report.json" not in outcome.files


@pytest.mark.parametrize(("answer", "status"), [("hold", "stopped"), ("refuse", "failed")])
async def test_a_run_that_breaks_off_reports_as_well(tmp_path: Path, answer: str, status: str) -> None:
    held = stream(token("```python\n"), then="hold")
    refused = error(401, "no such key", type="authentication_error")
    async with engine_harness(tmp_path, {"code_file": held if answer == "hold" else refused}) as b:
        running = asyncio.create_task(b.engine.run(TASK))
        if answer == "hold":
            await b.events.until(lambda: any("```python" in event.text for event in b.events.of(TokensReceived)))
            b.engine.cancel_run()
        outcome = await running

    report = report_in(outcome.output_dir)
    assert (report["status"], report["verdict"]) == (status, "not_executed")
    assert "brief.md" in [file["path"] for file in report["files"]]


async def test_a_workflow_that_makes_no_code_reports_that_there_is_nothing_to_execute(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Tabs or spaces?", workflow="roundtable")

    report = report_in(outcome.output_dir)
    assert (report["status"], report["verdict"], report["not_executed"]) == ("passed", "none", [])


async def test_a_report_takes_the_place_of_the_last_one_and_keeps_what_was_the_users(tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with engine_harness(tmp_path) as b:
        first = await b.engine.run(TASK, output_dir=target)
        (target / "report.md").write_text("my own words")
        second = await b.engine.run(TASK, output_dir=target)

    assert report_in(target)["run_id"] == second.run_id != first.run_id
    kept = [path for path in (target / ".quintet/versions").iterdir() if path.read_text() == "my own words"]
    assert [path.name for path in kept] == ["report.md.1"]
    told = [event.message for event in b.events.of(Warned) if "report.md is now the report" in event.message]
    assert told == [
        "report.md is now the report of the run; what was there, and was not ours, is in .quintet/versions/report.md.1"
    ]


async def test_a_folder_in_the_place_of_a_report_is_told_and_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with engine_harness(tmp_path) as b:
        await b.engine.run(TASK, output_dir=target)
        (target / "report.json").unlink()
        (target / "report.json").mkdir()
        outcome = await b.engine.run(TASK, output_dir=target)

    assert outcome.status == DELIVERED
    assert "the run has no report: report.json is a folder" in [event.message for event in b.events.of(Warned)]
