"""The verdict on a change of a user's folder: the new tests were red before it, and nothing that was green is red after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence, TaskFinding
from core.execution.evidence.fault import code_under_test, find_faults, limit_words
from core.execution.results import SuiteRun

SHOWN_TESTS = 3


def judge_change(
    delivered: Deliverable, after: SuiteRun, before: SuiteRun, sources: Mapping[str, str] | None = None
) -> Evidence:
    """Return what a change proves; `before` is the same tests in the folder as it was.

    A pass needs: every delivered test is green, at least one of them was not green before, and no test of the folder
    that was green before is red now. Tests of the folder that were red before and still are, are told.
    """
    before_green = {case.id for case in before.cases if case.outcome == "passed"}
    red = [case for case in after.cases if case.outcome != "passed"]
    own_red = [case for case in red if case.path not in delivered.tests]
    red_before = tuple(case.id for case in own_red if case.id not in before_green and case.outcome != "skipped")
    broken_before = {broken.path for broken in before.broken}
    counted = replace(
        after,
        cases=tuple(case for case in after.cases if case.path in delivered.tests or case.id in before_green),
        broken=tuple(
            broken for broken in after.broken if broken.path in delivered.tests or broken.path not in broken_before
        ),
    )
    lost = sorted(before_green - {case.id for case in after.cases})
    green_now = [case for case in counted.cases if case.outcome == "passed" and case.path in delivered.tests]
    proving = tuple(case.id for case in green_now if case.id not in before_green)
    evidence = Evidence(
        verdict="fail",
        reason="",
        suite=after,
        hollow=before,
        proving=proving,
        vacuous=tuple(case.id for case in green_now if case.id in before_green),
        examples=tuple(case.id for case in after.cases if case.path in delivered.example_tests),
        untested_examples=delivered.untested_examples,
        red_before=red_before,
        findings=tuple(_ours(delivered, finding) for finding in find_faults(delivered, counted, None, sources)),
    )
    if after.end != "exited":
        return replace(evidence, reason=limit_words(after.end, after.limits.wall_seconds))
    if evidence.findings:
        return replace(evidence, reason=evidence.findings[0].text)
    if lost:
        text = f"green before the change, and gone after it: {', '.join(lost[:SHOWN_TESTS])}"
        return replace(evidence, reason=text, findings=(TaskFinding("developer", delivered.code[0], text),))
    if not proving:
        text = "the new tests were green before the change, so they do not show what it mends"
        findings = tuple(
            TaskFinding("qa", path, text) for path in delivered.tests if path not in delivered.example_tests
        )
        return replace(evidence, verdict="unproven", reason=text, findings=findings)
    still = f"; {len(red_before)} of the folder's own were red before and still are" if red_before else ""
    reason = f"{len(proving)} new tests green that were red before the change, and nothing else became red{still}"
    return replace(evidence, verdict="pass", reason=reason)


def _ours(delivered: Deliverable, finding: TaskFinding) -> TaskFinding:
    """The folder's own tests are the user's: what they say against a change is the change's fault, and nobody rewrites them."""
    if finding.culprit == "developer" or finding.path in delivered.tests:
        return finding
    return replace(finding, culprit="developer", path=code_under_test(delivered, finding.path))
