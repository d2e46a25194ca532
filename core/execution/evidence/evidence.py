"""What executing the tests of a delivery has shown: the verdict, what it stands on, and whose work is at fault."""

from __future__ import annotations

from dataclasses import dataclass

from core.execution.results import CodePlace, SuiteRun
from core.kinds import Culprit, EvidenceVerdict


@dataclass(frozen=True, slots=True)
class TaskFinding:
    """One thing that has to be mended: by whom, in which file, and what is wrong in one line.

    `case_id` is the test that shows it, empty when no test does. `detail` are the last lines that were printed about it.
    """

    culprit: Culprit
    path: str
    text: str
    case_id: str = ""
    detail: str = ""
    place: CodePlace | None = None
    is_doubtful: bool = False  # only a model's expectation speaks against the code, and all given examples are green


@dataclass(frozen=True, slots=True)
class SecondProgram:
    """What a program that was written independently says: it did the same on `fraction` of `compared` further inputs.

    `programs` is how many were looked at beside the delivered one; the fraction is 0 if none agreed.
    """

    fraction: float
    compared: int
    programs: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands behind a verdict.

    `proving` are the ids of tests that are green and go red against the hollowed copy; `vacuous` those that stay green
    against nothing; `examples` those that the engine made of the examples in the task; `smoke` those that only say that
    the code runs. For a change of a folder `hollow` is the same tests before the change, and `red_before` those of the
    folder's own that were not green then either. `struck` are tests
    of QA's that were taken out because two programs and no other word stood against what they expect. `untested_examples` are examples of the task that could not be made into a test, with the reason.
    """

    verdict: EvidenceVerdict
    reason: str
    hint: str = ""
    suite: SuiteRun | None = None
    hollow: SuiteRun | None = None
    proving: tuple[str, ...] = ()
    vacuous: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    smoke: tuple[str, ...] = ()
    untested_examples: tuple[str, ...] = ()
    red_before: tuple[str, ...] = ()
    findings: tuple[TaskFinding, ...] = ()
    second_program: SecondProgram | None = None
    struck: tuple[str, ...] = ()

    @property
    def culprits(self) -> frozenset[Culprit]:
        """Whose work has findings."""
        return frozenset(finding.culprit for finding in self.findings)

    @property
    def green(self) -> int:
        """How many tests passed."""
        return sum(case.outcome == "passed" for case in self.suite.cases) if self.suite is not None else 0

    @property
    def red_ids(self) -> tuple[str, ...]:
        """The tests and files that did not pass, sorted: what is compared to see whether a rework has changed anything."""
        if self.suite is None:
            return ()
        red = [case.id for case in self.suite.cases if case.outcome != "passed"]
        return tuple(sorted({*red, *(broken.path for broken in self.suite.broken)}))
