"""The report of a run as plain values: what was asked, what was proven by what, and what was not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.kinds import RunStatus, VerdictValue
from core.text.sanitize import plain_line, plain_paragraphs

REPORT_MARKER = "quintet"
REPORT_FORMAT = 1
MAX_LINE_CHARACTERS = 300
MAX_TASK_CHARACTERS = 4_000

RequirementResult = Literal["proven", "failing", "not proven", "no test", "not executed"]
"""What is known of a requirement: proven needs a green test that goes red without the code, and none that is red."""

_TAG = re.compile(r"(?i)(?<![a-z0-9])r(\d{1,3})(?:[._](\d{1,2}))?(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class ReportedFile:
    """A delivered file, and what asking for it has cost; `cost` is in words, empty if nothing was asked."""

    path: str
    role: str
    agent: str
    round: int
    bytes: int
    tokens: int = 0
    cost: str = ""


@dataclass(frozen=True, slots=True)
class Spending:
    """What an agent has spent."""

    agent: str
    tokens: int
    cost: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a report is made of.

    Attributes:
        evidence: of the delivered files, as RunFinished carries it; empty if nothing was executed.
        requirements: id and text of each.
        tested_code: which code files a test file is about, by its path.
        left_out: paths that were asked for and not delivered, with the reason.
        tools: versions by the name of the tool.
        read: files of the folder under work that the team was shown; `not_read` those that it was not, with the reason.
    """

    run_id: str
    task: str
    workflow: str
    model: str
    status: RunStatus
    verdict: VerdictValue
    reason: str
    duration_seconds: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
    requirements: tuple[tuple[str, str], ...] = ()
    files: tuple[ReportedFile, ...] = ()
    tested_code: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    spending: tuple[Spending, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()
    has_read_changes: bool = False
    run_command: str = ""
    test_command: str = ""


def run_report(facts: RunFacts) -> dict[str, Any]:
    """Return the report as JSON values; text of a model is plain text in it."""
    tests = [test for test in facts.evidence.get("tests") or () if isinstance(test, Mapping)]
    return {
        "made_by": REPORT_MARKER,
        "format": REPORT_FORMAT,
        "run_id": facts.run_id,
        "task": plain_paragraphs(facts.task, limit=MAX_TASK_CHARACTERS),
        "workflow": facts.workflow,
        "model": _line(facts.model),
        "status": facts.status,
        "verdict": facts.verdict,
        "reason": plain_paragraphs(facts.reason, limit=MAX_TASK_CHARACTERS),
        "duration_seconds": round(facts.duration_seconds, 3),
        "requirements": _matrix(facts, tests),
        "evidence": dict(facts.evidence),
        "files": [_file(file) for file in facts.files],
        "left_out": [{"path": _line(path), "why": _line(why)} for path, why in facts.left_out],
        "not_executed": _not_executed(facts),
        "folder": {
            "read": [_line(path) for path in facts.read],
            "not_read": [_line(line) for line in facts.not_read],
            "changes": facts.has_read_changes,
        },
        "commands": {"run": facts.run_command, "test": facts.test_command},
        "tokens": sum(spent.tokens for spent in facts.spending),
        "agents": [{"agent": spent.agent, "tokens": spent.tokens, "cost": spent.cost} for spent in facts.spending],
        "tools": dict(facts.tools),
    }


def requirement_of(test_name: str, known: Iterable[str]) -> str | None:
    """Return the id of the requirement that a test is named after, if there is one: test_r2_empty -> R2."""
    ids = set(known)
    for match in _TAG.finditer(test_name):
        parts = [f"R{int(match[1])}.{int(match[2])}"] if match[2] else []
        for requirement in (*parts, f"R{int(match[1])}"):
            if requirement in ids:
                return requirement
    return None


def _matrix(facts: RunFacts, tests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each requirement; a file that serves several stands in each of their rows."""
    ids = [requirement for requirement, _ in facts.requirements]
    by_id: dict[str, list[Mapping[str, Any]]] = {requirement: [] for requirement in ids}
    for test in tests:
        requirement = requirement_of(str(test.get("name", "")), ids)
        if requirement is not None and test.get("made_from") == "requirement":
            by_id[requirement].append(test)
    files = {file.path: file for file in facts.files}
    rows = []
    for requirement, text in facts.requirements:
        own = by_id[requirement]
        paths = list(dict.fromkeys(str(test.get("path", "")) for test in own))
        code = list(dict.fromkeys(path for test in paths for path in facts.tested_code.get(test, ())))
        concerned = [files[path] for path in (*code, *paths) if path in files]
        rows.append(
            {
                "id": requirement,
                "text": _line(text),
                "files": code,
                "tests": [
                    {"id": test.get("id"), "outcome": test.get("outcome"), "proves": test.get("proves")} for test in own
                ],
                "result": _result(facts, own),
                "tokens": sum(file.tokens for file in concerned),
                "cost": _one_cost(concerned),
            }
        )
    return rows


def _result(facts: RunFacts, tests: Sequence[Mapping[str, Any]]) -> RequirementResult:
    if facts.evidence.get("run") is None:
        return "not executed"
    if not tests:
        return "no test"
    if any(test.get("outcome") in {"failed", "error", "unexpected_pass"} for test in tests):
        return "failing"
    return "proven" if any(test.get("proves") is True for test in tests) else "not proven"


def _one_cost(files: Sequence[ReportedFile]) -> str:
    """Return the cost of files in words; amounts in words cannot be added up, so several are listed."""
    return ", ".join(dict.fromkeys(file.cost for file in files if file.cost))


def _file(file: ReportedFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "role": file.role,
        "by": file.agent,
        "round": file.round,
        "bytes": file.bytes,
        "tokens": file.tokens,
        "cost": file.cost,
    }


def _not_executed(facts: RunFacts) -> list[dict[str, str]]:
    """Return what nobody has run, why, and what to do so that it can be."""
    rows = []
    evidence = facts.evidence
    if facts.verdict == "not_executed":
        rows.append(
            {
                "what": "the tests",
                "why": _line(str(evidence.get("reason") or facts.reason)),
                "hint": _line(str(evidence.get("hint", ""))),
            }
        )
    rows += [
        {"what": "an example of the task", "why": _line(str(example)), "hint": "write it as f(2) == 4"}
        for example in evidence.get("untested_examples") or ()
    ]
    rows += [
        {"what": file.path, "why": "files for operations are checked and never run", "hint": "run it yourself"}
        for file in facts.files
        if file.role == "ops"
    ]
    return rows


def _line(text: str) -> str:
    return plain_line(text, limit=MAX_LINE_CHARACTERS)
