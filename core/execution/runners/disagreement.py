"""Whether a collection, a report and an exit code tell the same about one run of tests."""

from __future__ import annotations

from collections.abc import Sequence

from core.execution.results import BrokenFile, CaseResult

GREEN_OUTCOMES = frozenset({"passed", "skipped", "expected_failure"})
SHOWN = 3


def find_disagreement(
    runner: str,
    collected: Sequence[str],
    cases: Sequence[CaseResult],
    broken: Sequence[BrokenFile],
    exit_code: int | None,
) -> str:
    """Return in one line what does not fit; empty when all three sides tell the same."""
    reported = [case.id for case in cases]
    if sorted(collected) != sorted(reported):
        odd = sorted(set(collected) ^ set(reported))[:SHOWN]
        return (
            f"a separate collection found {len(collected)} tests and the report has {len(reported)}"
            f"{': ' if odd else ''}{', '.join(odd)}"
        )
    is_red = bool(broken) or any(case.outcome not in GREEN_OUTCOMES for case in cases)
    if exit_code == 0 and is_red:
        return f"{runner} ended with exit code 0, and its report says that tests are red"
    if exit_code != 0 and not is_red and cases:
        return f"{runner} ended with exit code {exit_code}, and its report says that no test is red"
    return ""
