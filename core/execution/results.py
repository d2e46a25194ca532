"""What came of executing tests: plain values that runners give and evidence is made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from core.execution.sandbox.command import Limits
from core.kinds import CaseOutcome, CommandEnd, RungName


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A line of a delivered file; `line` counts from 1."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test that was executed.

    `id` is the runner's own name for it ("test_slug.py::test_r1_empty[a]"), `path` the test file relative to the folder,
    `name` what stands behind it. `message` is the assertion or the exception in one line, `detail` the last lines of
    what was printed about it, `place` the innermost line of delivered code that is no test in the traceback.
    """

    id: str
    path: str
    name: str
    outcome: CaseOutcome
    seconds: float = 0.0
    message: str = ""
    detail: str = ""
    place: CodePlace | None = None


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A test file that cannot be read, imported or collected; `place` is the line of delivered code that raised, if one did."""

    path: str
    message: str
    detail: str = ""
    place: CodePlace | None = None


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One execution of test files by one runner.

    `collected` are the ids that a separate collection found before; `cases` what the report of the execution says;
    `disagreement` why these two and the exit code do not tell the same, empty when they do. `output` is the end of what
    was printed.
    """

    runner: str
    command: tuple[str, ...]
    rung: RungName
    limits: Limits
    end: CommandEnd
    exit_code: int | None
    seconds: float
    collected: tuple[str, ...] = ()
    cases: tuple[CaseResult, ...] = ()
    broken: tuple[BrokenFile, ...] = ()
    output: str = ""
    disagreement: str = ""

    def counts(self) -> dict[CaseOutcome, int]:
        """Return how many tests ended in each way."""
        return dict(Counter(case.outcome for case in self.cases))

    @property
    def is_green(self) -> bool:
        """Whether at least one test ran, every one of them passed, and all sides agree on that."""
        return (
            self.end == "exited"
            and self.exit_code == 0
            and not self.broken
            and not self.disagreement
            and self.counts().keys() == {"passed"}
        )
