"""Evidence as an execution gives it: some tests with the ends they are said to have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.execution.evidence.evidence import Evidence, TaskFinding
from core.execution.evidence.record import evidence_record
from core.execution.results import BrokenFile, CaseResult, SuiteRun
from core.execution.sandbox.command import Limits
from core.kinds import CaseOutcome, EvidenceVerdict

TEST_FILE = "test_reverse.py"
RED = "AssertionError: assert '' == 'x'"
NAMES = ("test_r1_reverses", "test_r2_empty", "test_r3_type")


def suite_run(outcomes: Mapping[str, CaseOutcome], *, broken: tuple[BrokenFile, ...] = ()) -> SuiteRun:
    """Return an execution in which each test, by its name, ended so."""
    cases = tuple(
        CaseResult(f"{TEST_FILE}::{name}", TEST_FILE, name, outcome, 0.01, message="" if outcome == "passed" else RED)
        for name, outcome in outcomes.items()
    )
    has_failed = bool(broken) or any(outcome != "passed" for outcome in outcomes.values())
    return SuiteRun(
        runner="pytest",
        command=("python", "-m", "pytest", "-q", TEST_FILE),
        rung="bubblewrap",
        limits=Limits(),
        end="exited",
        exit_code=int(has_failed),
        seconds=0.8,
        collected=tuple(case.id for case in cases),
        cases=cases,
        broken=broken,
        output="E   assert" if has_failed else "",
    )


def evidence(
    verdict: EvidenceVerdict = "pass",
    reason: str = "3 tests green, and red without the code",
    *,
    red: tuple[str, ...] = (),
    vacuous: tuple[str, ...] = (),
    names: tuple[str, ...] = NAMES,
    **more: Any,
) -> Evidence:
    """Return evidence for the tests `names`; those in `red` are, and those in `vacuous` prove nothing."""
    outcomes: dict[str, CaseOutcome] = {name: "failed" if name in red else "passed" for name in names}
    ids = {name: f"{TEST_FILE}::{name}" for name in names}
    return Evidence(
        verdict=verdict,
        reason=reason,
        suite=suite_run(outcomes),
        proving=tuple(ids[name] for name in names if name not in (*red, *vacuous)),
        vacuous=tuple(ids[name] for name in vacuous),
        findings=tuple(TaskFinding("developer", "reverse.py", f"{ids[name]}: {RED}", ids[name]) for name in red),
        **more,
    )


PASS = evidence_record(evidence())
FAIL = evidence_record(evidence("fail", f"1 of 3 tests red: {TEST_FILE}::test_r2_empty", red=("test_r2_empty",)))
UNPROVEN = evidence_record(
    evidence("unproven", "all tests stay green when the code does nothing, so they prove nothing", vacuous=NAMES)
)
NOT_EXECUTED = evidence_record(
    Evidence("not_executed", "no sandbox works here", "install bubblewrap, or set QUINTET_SANDBOX")
)
