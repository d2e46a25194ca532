"""The evidence for what is delivered, out of a run's state and session: as a record, and in words for a prompt."""

from __future__ import annotations

import json
from typing import Any

from core.sessions.folder import Session
from core.workflow.graph import RunState
from core.workflow.rounds import RoundRecord, delivered_record, evidence_from_json

MAX_TOLD_TESTS = 30


def delivered_evidence(session: Session, state: RunState) -> dict[str, Any]:
    """Return the evidence of the round whose files are delivered, and a line for each round; without any, what became of the README's commands, if there is one."""
    rounds = state.get("rounds", [])
    record = delivered_record(rounds, state.get("delivered_round", rounds[-1]["round"] if rounds else None))
    commands = readme_commands(session, state)
    if record is None:
        return {"readme_commands": commands} if commands else {}
    evidence = evidence_from_json(session.read_text(record["evidence"]))
    return {
        **evidence,
        "readme_commands": commands,
        "rounds": [_told(session, earlier) for earlier in rounds],
        "delivered_round": record["round"],
        "stop_reason": state.get("stop_reason", ""),
        "opinion": {"value": state.get("opinion", "unknown"), "findings": state.get("opinion_grounds", [])},
    }


def readme_commands(session: Session, state: RunState) -> list[dict[str, Any]]:
    """Return what became of each command of the delivered README, as records."""
    reference = state.get("readme_commands")
    records = json.loads(session.read_text(reference) or "[]") if reference is not None else []
    return records if isinstance(records, list) else []


def _told(session: Session, record: RoundRecord) -> dict[str, Any]:
    """Return what is told of a round: how its tests ended, and whose work was at fault."""
    findings = evidence_from_json(session.read_text(record["evidence"])).get("findings", [])
    at_fault = sorted({finding["culprit"] for finding in findings})
    return {
        "round": record["round"],
        "verdict": record["verdict"],
        "reason": record["reason"],
        "green": record["green"],
        "at_fault": at_fault,
    }


def evidence_words(session: Session, state: RunState) -> str:
    """Return what was executed and what came of it, for a prompt; an empty text if nothing was."""
    evidence = delivered_evidence(session, state)
    if not evidence:
        return ""
    lines = [f"verdict: {evidence.get('verdict', 'not_executed')} - {evidence.get('reason', '')}"]
    run = evidence.get("run") or {}
    if run:
        lines.append(f"executed: {run['runner']} in the sandbox {run['sandbox']}, {run['seconds']:.1f} s")
    tests = evidence.get("tests", [])
    for test in tests[:MAX_TOLD_TESTS]:
        nothing = "; it stays green when the code does nothing, so it proves nothing" if test["proves"] is False else ""
        message = f": {test['message']}" if test["message"] else ""
        lines.append(f"- {test['id']} {test['outcome']}{message}{nothing}")
    left_out = len(tests) - MAX_TOLD_TESTS + evidence.get("tests_left_out", 0)
    if left_out > 0:
        lines.append(f"- and {left_out} more")
    lines += [f"- not tested, an example of the task: {example}" for example in evidence.get("untested_examples", [])]
    return "\n".join(lines)
