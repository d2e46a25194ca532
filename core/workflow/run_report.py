"""The report of a run in its output folder: gathered from the run and the files, written at the end whatever the end was."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from core.errors import QuintetError
from core.events import Warned
from core.execution.evidence.report import REPORT_MARKER, ReportedFile, RunFacts, Spending, run_report
from core.execution.evidence.report_markdown import REPORT_HEAD, report_markdown
from core.spending.costs import UNKNOWN, Spent
from core.system.path_state import REPORT_NAMES
from core.system.versions import installed_version
from core.telemetry.logs import log
from core.workflow.outcome import RunOutcome
from core.workflow.run import Run
from core.workspace.answers.structured import read_requirements

JSON_NAME, MARKDOWN_NAME = REPORT_NAMES
_IMPORTING = re.compile(r"^.*\b(?:import|require|use|mod|source)\b.*$", re.MULTILINE)


def write_report(run: Run, outcome: RunOutcome, duration_seconds: float) -> None:
    """Write report.json and report.md; a folder that takes none is told, and changes nothing about the outcome."""
    try:
        report = run_report(_facts(run, outcome, duration_seconds))
        document = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        kept = (
            run.folder.write_report(JSON_NAME, document, is_report=_is_report),
            run.folder.write_report(
                MARKDOWN_NAME,
                report_markdown(report),
                is_report=lambda content: content.startswith(REPORT_HEAD.encode()),
            ),
        )
    except QuintetError as error:
        run.deps.emit(Warned(**run.stamp(), message=f"the run has no report: {error.message}", hint=error.hint))
        return
    for name, place in zip(REPORT_NAMES, kept, strict=True):
        if place:
            message = f"{name} is now the report of the run; what was there, and was not ours, is in {place}"
            run.deps.emit(Warned(**run.stamp(), message=message, hint=""))
    log("INFO", "report written", run_id=run.run_id)


def run_command_of(run: Run, outcome: RunOutcome) -> str:
    """Return the command that starts what was delivered; an empty text if there is nothing to start."""
    return run.layout.run_command if run.layout.entry in outcome.files else ""


def _facts(run: Run, outcome: RunOutcome, duration_seconds: float) -> RunFacts:
    ledger, layout = run.deps.ledger, run.layout
    written = [entry for entry in run.folder.files if entry.run_id == run.run_id and entry.path in outcome.files]
    by_path = _spent_by_path(ledger.tasks())
    files = tuple(
        ReportedFile(
            path=entry.path,
            role=entry.role,
            agent=entry.agent,
            round=entry.round,
            bytes=entry.bytes,
            tokens=by_path.get(entry.path, Spent()).tokens,
            cost=_cost(by_path.get(entry.path, Spent())),
        )
        for entry in written
    )
    rejected = {entry.path: entry.why for entry in run.folder.rejected if not entry.asked_again}
    spending = {agent_id: ledger.agent(agent_id) for agent_id in run.workflow.agents() if agent_id in run.deps.agents}
    return RunFacts(
        run_id=run.run_id,
        task=run.request.task,
        workflow=run.workflow.id,
        model=run.endpoint.model,
        status=outcome.status,
        verdict=outcome.verdict,
        reason=outcome.reason,
        duration_seconds=duration_seconds,
        evidence=outcome.evidence,
        requirements=_requirements(run, files),
        files=files,
        tested_code=_tested_code(run, files),
        left_out=tuple((path, why) for path, why in rejected.items() if path not in outcome.files),
        spending=tuple(
            Spending(agent, spent.tokens, _cost(spent)) for agent, spent in spending.items() if spent.tokens
        ),
        tools=_tools(outcome.evidence),
        read=() if run.folder_read is None else run.folder_read.files,
        not_read=() if run.folder_read is None else run.folder_read.left_out,
        has_read_changes=run.folder_read is not None and run.folder_read.has_changes,
        run_command=run_command_of(run, outcome),
        test_command=layout.test_command if any(file.role == "test" for file in files) else "",
    )


def _spent_by_path(tasks: Mapping[str, Spent]) -> dict[str, Spent]:
    """Return what each file has cost over all rounds; a task is named after its step and the file it makes."""
    by_path: dict[str, Spent] = {}
    for task, spent in tasks.items():
        path = task.partition("/")[2]
        by_path[path] = by_path.get(path, Spent()) + spent
    return by_path


def _cost(spent: Spent) -> str:
    words = spent.cost.words()
    return "" if words == UNKNOWN else words


def _requirements(run: Run, files: tuple[ReportedFile, ...]) -> tuple[tuple[str, str], ...]:
    briefs = [_text(run, file.path) for file in files if file.role == "brief"]
    return tuple((requirement.id, requirement.text) for requirement in read_requirements("\n".join(briefs)))


def _tested_code(run: Run, files: tuple[ReportedFile, ...]) -> dict[str, tuple[str, ...]]:
    """Return which code files each test file is about: those that it imports or names, else all."""
    code = [file.path for file in files if file.role == "code"]
    return {file.path: _concerned(_text(run, file.path), code) for file in files if file.role == "test"}


def _concerned(text: str, code: list[str]) -> tuple[str, ...]:
    imported = set(re.findall(r"\w+", " ".join(_IMPORTING.findall(text))))
    found = [one for one in code if PurePosixPath(one).stem in imported or PurePosixPath(one).name in text]
    return tuple(found or code)


def _text(run: Run, path: str) -> str:
    try:
        return run.folder.read_if_there(path) or ""
    except QuintetError:  # it has gone, or is no file any more
        return ""


def _tools(evidence: Mapping[str, Any]) -> dict[str, str]:
    tools = {
        "quintet": installed_version("quintet"),
        "Python": platform.python_version(),
        "system": platform.platform(),
    }
    runner = str((evidence.get("run") or {}).get("runner", ""))
    version = installed_version(runner) if runner else ""
    return {**tools, runner: version} if version else tools


def _is_report(content: bytes) -> bool:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("made_by") == REPORT_MARKER
