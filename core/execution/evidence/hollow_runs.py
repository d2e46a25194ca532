"""What the runs against hollowed copies say together: a test proves something only if it went red in each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.execution.hollow.python_prelude import MARK
from core.execution.results import CaseResult, SuiteRun

NOT_PROVEN = frozenset({"passed", "skipped", "expected_failure", "unexpected_pass"})


def merge_hollow_runs(suite: SuiteRun, runs: Sequence[SuiteRun]) -> SuiteRun:
    """Return one run with the tests of `suite`, each red only if every run shows that it goes red without the code.

    A test that a run does not have at all is taken for green: nothing shows that the missing code is the reason. So is
    one whose file cannot be imported there for a reason that the hollowed code has not given.
    """
    found = [{case.id: case for case in run.cases} for run in runs]
    cases = tuple(_merged(case, runs, found) for case in suite.cases)
    is_shown = any(case.outcome not in NOT_PROVEN for case in cases)
    stopped = next((run for run in runs if run.end != "exited"), runs[0])
    return replace(
        stopped,
        # A test that hangs without the code is no green one; only a run that shows nothing is told by how it was stopped.
        end="exited" if is_shown else stopped.end,
        cases=cases,
        seconds=max(run.seconds for run in runs),
        disagreement="",
    )


def _merged(case: CaseResult, runs: Sequence[SuiteRun], found: Sequence[Mapping[str, CaseResult]]) -> CaseResult:
    red = [each for run, cases in zip(runs, found, strict=True) if (each := _red(case, run, cases)) is not None]
    if len(red) == len(runs):
        return red[0]
    return replace(case, outcome="passed", message="", detail="", place=None)


def _red(case: CaseResult, run: SuiteRun, cases: Mapping[str, CaseResult]) -> CaseResult | None:
    """Return how a test went red in a run, None if it did not, or if nothing tells."""
    found = cases.get(case.id)
    if found is not None:
        return None if found.outcome in NOT_PROVEN else found
    broken = next((each for each in run.broken if each.path == case.path), None)
    if broken is None or MARK not in broken.message:
        return None
    return replace(case, outcome="error", message=broken.message, detail=broken.detail, place=None)
