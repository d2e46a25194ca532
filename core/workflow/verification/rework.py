"""What goes back after tests that were not green: which files, to whom, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.execution.evidence.evidence import Evidence, TaskFinding
from core.execution.results import CodePlace
from core.kinds import Culprit
from core.text.sanitize import plain_line

MAX_FINDINGS_A_FILE = 6
MAX_DETAIL_LINES = 20
MAX_TEXT_CHARACTERS = 300
LINES_AROUND = 4

ReadFileText = Callable[[str], str]
"""Takes a delivered path and gives its text, an empty one when it is not there."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a run goes after its tests: back to `culprits`, or on when there are none; `stop_reason` says why not back.

    It does not say what the tests said: what is delivered may be an earlier round.
    """

    culprits: frozenset[Culprit] = frozenset()
    stop_reason: str = ""


def decide(
    evidence: Evidence,
    *,
    seen: Sequence[tuple[str, str]],
    now: tuple[str, str],
    round_number: int,
    max_rounds: int,
    absent: Mapping[Culprit, str],
) -> Decision:
    """Decide between rework and going on; every stop that is no pass has its reason.

    `seen` and `now` are pairs of digests, of the tests that were red and of the files, in earlier rounds and in this one;
    `absent` names those who cannot rework because they are switched off.
    """
    if evidence.verdict in {"pass", "not_executed"} or not evidence.findings:
        return Decision()
    able = evidence.culprits - absent.keys()
    if not able:
        names = " and ".join(absent[culprit] for culprit in sorted(evidence.culprits))
        return Decision(stop_reason=f"{names} is switched off")
    if round_number >= max_rounds:
        rounds = f"{round_number} rework round{'s' if round_number != 1 else ''}"
        return Decision(stop_reason=f"ended after {rounds}")
    if any(files == now[1] for _, files in seen):
        return Decision(stop_reason="no progress: the last rework gave the same files again")
    if any(red == now[0] for red, _ in seen):
        return Decision(stop_reason="no progress: the same tests are red again")
    return Decision(culprits=able)


class ReworkText(NamedTuple):
    """What is told of one file that is to be written again: what is wrong, and the code around the lines where it went wrong."""

    failures: str
    failing_code: str


def rework_texts(
    findings: Sequence[TaskFinding], culprits: frozenset[Culprit], read: ReadFileText
) -> dict[str, ReworkText]:
    """Return, for each file that is to be written again, what is wrong with it: test, assertion, last lines, code.

    At most 6 findings a file; how many more there are is said.
    """
    of_file: dict[str, list[TaskFinding]] = {}
    for finding in findings:
        if finding.culprit in culprits and finding.path:
            of_file.setdefault(finding.path, []).append(finding)
    return {path: ReworkText(_words(found), _code(found, read)) for path, found in of_file.items()}


def _words(findings: Sequence[TaskFinding]) -> str:
    parts = dict.fromkeys(_of_finding(finding) for finding in findings[:MAX_FINDINGS_A_FILE])
    surplus = len(findings) - MAX_FINDINGS_A_FILE
    return "\n".join([*parts, f"- and {surplus} more"] if surplus > 0 else parts)


def _of_finding(finding: TaskFinding) -> str:
    detail = finding.detail.strip().splitlines()[-MAX_DETAIL_LINES:]
    return "\n".join([f"- {plain_line(finding.text, limit=MAX_TEXT_CHARACTERS)}", *(f"    {line}" for line in detail)])


def _code(findings: Sequence[TaskFinding], read: ReadFileText) -> str:
    places = dict.fromkeys(finding.place for finding in findings[:MAX_FINDINGS_A_FILE] if finding.place is not None)
    parts = []
    for place in places:
        around = code_around(read(place.path), place)
        parts += [f"{place.path}, line {place.line}:", *around] if around else []
    return "\n".join(parts)


def code_around(text: str, place: CodePlace) -> list[str]:
    """Return the lines around a place with their numbers, the line itself marked."""
    lines = text.splitlines()
    first = max(0, place.line - 1 - LINES_AROUND)
    return [
        f"{'>' if number == place.line else ' '} {number:4} {line}"
        for number, line in enumerate(lines[first : place.line + LINES_AROUND], start=first + 1)
    ]
