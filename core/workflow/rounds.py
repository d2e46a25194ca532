"""The rounds of a run: what each delivered and what its tests said, and the one that is best."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from core.execution.evidence.evidence import Evidence
from core.kinds import EvidenceVerdict

VERDICT_ORDER: tuple[EvidenceVerdict, ...] = ("not_executed", "fail", "unproven", "pass")
"""From worst to best."""


class RoundRecord(TypedDict):
    """One execution of the tests; small, because every checkpoint holds it.

    `red` and `files` are digests of the tests that were not green and of the delivered files. `tree` and `evidence` refer
    to the session's texts: a JSON object from path to the reference of the file's text, and the evidence as JSON.
    """

    round: int
    verdict: EvidenceVerdict
    reason: str
    examples_green: int
    green: int
    red: str
    files: str
    tree: str
    evidence: str


def digest_of(lines: Iterable[str]) -> str:
    """Return a short digest of some lines, in their order."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def red_digest(evidence: Evidence) -> str:
    """Return what is compared between rounds: which tests are not green, and what is wrong with nothing executed."""
    return digest_of(evidence.red_ids or (evidence.verdict, evidence.reason))


def files_digest(artifacts: Mapping[str, str]) -> str:
    """Return a digest of delivered files, given as path and content hash."""
    return digest_of(f"{path} {sha256}" for path, sha256 in sorted(artifacts.items()))


def examples_green(evidence: Evidence) -> int:
    """Return how many of the tests made from the task's examples are green."""
    if evidence.suite is None:
        return 0
    return sum(case.outcome == "passed" and case.id in evidence.examples for case in evidence.suite.cases)


def best_round(rounds: Sequence[RoundRecord]) -> RoundRecord:
    """Return the round whose files are delivered: by verdict, then most examples green, then most tests; the later of equals."""
    return max(
        rounds,
        key=lambda record: (
            VERDICT_ORDER.index(record["verdict"]),
            record["examples_green"],
            record["green"],
            record["round"],
        ),
    )


def tree_as_json(references: Mapping[str, str]) -> str:
    """Return a tree of files, path to reference of its text, as it is stored."""
    return json.dumps(dict(sorted(references.items())))


def tree_from_json(text: str) -> dict[str, str]:
    """Return a stored tree; an empty one when the record has been removed or is damaged."""
    try:
        tree = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(path): str(reference) for path, reference in tree.items()} if isinstance(tree, dict) else {}


def delivered_record(rounds: Sequence[RoundRecord], delivered_round: int | None) -> RoundRecord | None:
    """Return the record of the round whose files are delivered; None when nothing was executed."""
    return next((record for record in reversed(rounds) if record["round"] == delivered_round), None)


def evidence_from_json(text: str) -> dict[str, Any]:
    """Return stored evidence; an empty one when the record has been removed or is damaged."""
    try:
        evidence = json.loads(text or "{}")
    except ValueError:
        return {}
    return evidence if isinstance(evidence, dict) else {}
