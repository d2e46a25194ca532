"""The verdict, from what was executed: a pass needs proof, and everything else says what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence, TaskFinding
from core.execution.evidence.fault import find_faults, limit_words
from core.execution.not_executed import NotExecuted
from core.execution.results import CaseResult, SuiteRun
from core.kinds import EvidenceVerdict

SHOWN_TESTS = 3


def not_executed(delivered: Deliverable, why: NotExecuted) -> Evidence:
    """Return the evidence of tests that nobody ran."""
    return Evidence("not_executed", why.reason, why.hint, untested_examples=delivered.untested_examples)


def judge(
    delivered: Deliverable, suite: SuiteRun, hollow: SuiteRun | None, sources: Mapping[str, str] | None = None
) -> Evidence:
    """Return what an execution proves; `hollow` is the same tests against the hollowed copy, None if there can be none.

    A pass needs: at least one test ran, all are green, the runner's exit code, its report and the separate collection
    agree, and at least one test that is more than a smoke test goes red against the hollowed copy. Tests that stay green
    against it are listed and count for nothing. `sources` are the texts of the files, for finding who is at fault.
    """
    green = [case for case in suite.cases if case.outcome == "passed"]
    is_checked = hollow is not None and hollow.end == "exited"
    still_green = {case.id for case in hollow.cases if case.outcome == "passed"} if hollow is not None else set()
    vacuous = tuple(case for case in green if case.id in still_green)
    proving = tuple(case.id for case in green if is_checked and case.id not in still_green)
    smoke = _ids_in(suite, delivered.smoke_tests)
    findings = find_faults(delivered, suite, hollow, sources)
    verdict, reason = _red_verdict(suite, findings)
    if suite.is_green:
        verdict, reason, vacuous_findings = _green_verdict(hollow, proving, vacuous, smoke)
        findings = (*findings, *vacuous_findings)
    return Evidence(
        verdict=verdict,
        reason=reason,
        suite=suite,
        hollow=hollow,
        proving=proving,
        vacuous=tuple(case.id for case in vacuous),
        examples=_ids_in(suite, delivered.example_tests),
        smoke=smoke,
        untested_examples=delivered.untested_examples,
        findings=findings,
    )


def _red_verdict(suite: SuiteRun, findings: Sequence[TaskFinding]) -> tuple[EvidenceVerdict, str]:
    """A run that only misses its proof (skipped tests, sides that do not agree although none is red) is unproven."""
    if suite.end != "exited":
        return "fail", limit_words(suite.end, suite.limits.wall_seconds)
    red = [case.id for case in suite.cases if case.outcome in {"failed", "error", "unexpected_pass"}]
    if red:
        return "fail", f"{len(red)} of {len(suite.cases)} tests red: {_shown(red)}"
    if suite.broken:
        return "fail", f"not collected: {_shown([broken.path for broken in suite.broken])}"
    if suite.disagreement:
        return ("fail" if suite.exit_code else "unproven"), suite.disagreement
    if not suite.cases:
        return "unproven", "no test was collected"
    return "unproven", findings[
        0
    ].text if findings else f"no test is red, and {suite.runner} ended with {suite.exit_code}"


def _green_verdict(
    hollow: SuiteRun | None,
    proving: Sequence[str],
    vacuous: Sequence[CaseResult],
    smoke: Sequence[str],
) -> tuple[EvidenceVerdict, str, tuple[TaskFinding, ...]]:
    if hollow is None:
        return "unproven", "the tests are green, but whether they would notice missing code cannot be checked here", ()
    if hollow.end != "exited":
        words = limit_words(hollow.end, hollow.limits.wall_seconds)
        return "unproven", f"the tests are green; against a hollowed copy of the code, {words}", ()
    by_file = dict.fromkeys(case.path for case in vacuous)
    proof = [case_id for case_id in proving if case_id not in smoke]
    if not proof:
        if proving:
            return "unproven", "the code runs, and nothing says that its results are right", ()
        text = "all tests stay green when the code does nothing, so they prove nothing"
        return "unproven", text, tuple(TaskFinding("qa", path, text) for path in by_file)
    counted = f"{len(proof)} test{'s' if len(proof) > 1 else ''} green, and red without the code"
    return "pass", f"{counted}; {len(vacuous)} prove nothing" if vacuous else counted, ()


def _ids_in(suite: SuiteRun, paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(case.id for case in suite.cases if case.path in paths)


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_TESTS])
    return f"{shown} and {len(names) - SHOWN_TESTS} more" if len(names) > SHOWN_TESTS else shown
