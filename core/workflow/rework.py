"""What goes back after tests that were not green: which files, to whom, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
    """Where a run goes after its tests: back to `culprits`, or on when there are none; `stop_reason` says why not back."""

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
        return Decision(stop_reason=f"{evidence.reason}; {names} is switched off")
    if round_number >= max_rounds:
        rounds = f"{round_number} rework round{'s' if round_number != 1 else ''}"
        return Decision(stop_reason=f"{evidence.reason}, after {rounds}")
    if any(files == now[1] for _, files in seen):
        return Decision(stop_reason=f"{evidence.reason}; no progress: the last rework gave the same files again")
    if any(red == now[0] for red, _ in seen):
        return Decision(stop_reason=f"{evidence.reason}; no progress: the same tests are red again")
    return Decision(culprits=able)


def rework_texts(findings: Sequence[TaskFinding], culprits: frozenset[Culprit], read: ReadFileText) -> dict[str, str]:
    """Return, for each file that is to be written again, what is wrong with it: name, assertion, last lines, code.

    At most 6 findings a file; how many more there are is said.
    """
    of_file: dict[str, list[TaskFinding]] = {}
    for finding in findings:
        if finding.culprit in culprits and finding.path:
            of_file.setdefault(finding.path, []).append(finding)
    return {path: _words(found, read) for path, found in of_file.items()}


def _words(findings: Sequence[TaskFinding], read: ReadFileText) -> str:
    parts = [_of_finding(finding, read) for finding in findings[:MAX_FINDINGS_A_FILE]]
    if len(findings) > MAX_FINDINGS_A_FILE:
        parts.append(f"- and {len(findings) - MAX_FINDINGS_A_FILE} more")
    return "\n".join(dict.fromkeys(parts))


def _of_finding(finding: TaskFinding, read: ReadFileText) -> str:
    lines = [f"- {plain_line(finding.text, limit=MAX_TEXT_CHARACTERS)}"]
    detail = finding.detail.strip().splitlines()[-MAX_DETAIL_LINES:]
    lines += [f"    {line}" for line in detail]
    if finding.place is not None:
        around = code_around(read(finding.place.path), finding.place)
        lines += [f"  {finding.place.path}, line {finding.place.line}:", *around] if around else []
    return "\n".join(lines)


def code_around(text: str, place: CodePlace) -> list[str]:
    """Return the lines around a place with their numbers, the line itself marked."""
    lines = text.splitlines()
    first = max(0, place.line - 1 - LINES_AROUND)
    return [
        f"  {'>' if number == place.line else ' '} {number:4} {line}"
        for number, line in enumerate(lines[first : place.line + LINES_AROUND], start=first + 1)
    ]
