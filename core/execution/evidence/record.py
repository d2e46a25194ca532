"""Evidence as plain JSON values: what events, session records and reports carry."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.execution.evidence.evidence import Evidence, TaskFinding
from core.execution.results import CaseResult, SuiteRun
from core.text.sanitize import plain_line, plain_paragraphs

MAX_RECORDED_TESTS = 500
MAX_RECORDED_FINDINGS = 50
MAX_MESSAGE_CHARACTERS = 300
MAX_DETAIL_CHARACTERS = 4_000


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence as JSON values; of more than 500 tests those that are not green come first, and the rest is counted."""
    tests = (
        sorted(evidence.suite.cases, key=lambda case: case.outcome == "passed") if evidence.suite is not None else []
    )
    record: dict[str, Any] = {
        "verdict": evidence.verdict,
        "reason": plain_line(evidence.reason, limit=MAX_MESSAGE_CHARACTERS),
        "hint": evidence.hint,
        "run": None if evidence.suite is None else _run(evidence.suite),
        "hollow_run": None if evidence.hollow is None else _run(evidence.hollow),
        "tests": [_test(evidence, case) for case in tests[:MAX_RECORDED_TESTS]],
        "tests_left_out": max(0, len(tests) - MAX_RECORDED_TESTS),
        "proving": len(evidence.proving),
        "vacuous": len(evidence.vacuous),
        "findings": [_finding(finding) for finding in evidence.findings[:MAX_RECORDED_FINDINGS]],
        "untested_examples": list(evidence.untested_examples),
        "red_before": list(evidence.red_before[:MAX_RECORDED_FINDINGS]),
        "struck": [_line(text) for text in evidence.struck],
        "second_program": None if evidence.second_program is None else asdict(evidence.second_program),
    }
    return record


def _run(suite: SuiteRun) -> dict[str, Any]:
    return {
        "runner": suite.runner,
        "command": list(suite.command),
        "sandbox": suite.rung,
        "limits": asdict(suite.limits),
        "end": suite.end,
        "exit_code": suite.exit_code,
        "seconds": round(suite.seconds, 3),
        "collected": len(suite.collected),
        "counts": dict(suite.counts()),
        "broken": [{"path": broken.path, "message": _line(broken.message)} for broken in suite.broken],
        "disagreement": _line(suite.disagreement),
        "output": plain_paragraphs(suite.output, limit=MAX_DETAIL_CHARACTERS),
    }


def _test(evidence: Evidence, case: CaseResult) -> dict[str, Any]:
    """`proves` is None for a test that is not green, and where nothing could be hollowed."""
    proves = None
    if case.id in evidence.proving or case.id in evidence.vacuous:
        proves = case.id in evidence.proving
    made_from = "smoke" if case.id in evidence.smoke else "example" if case.id in evidence.examples else "requirement"
    return {
        "id": case.id,
        "path": case.path,
        "name": case.name,
        "outcome": case.outcome,
        "seconds": round(case.seconds, 4),
        "message": _line(case.message),
        "proves": proves,
        "made_from": made_from,
        "place": None if case.place is None else asdict(case.place),
    }


def _finding(finding: TaskFinding) -> dict[str, Any]:
    return {
        "culprit": finding.culprit,
        "path": finding.path,
        "test": finding.case_id,
        "text": _line(finding.text),
        "detail": plain_paragraphs(finding.detail, limit=MAX_DETAIL_CHARACTERS),
        "doubtful": finding.is_doubtful,
    }


def _line(text: str) -> str:
    return plain_line(text, limit=MAX_MESSAGE_CHARACTERS)
