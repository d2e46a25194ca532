"""What every test runner offers: whether it can run here, one execution, and a copy of the code that does nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
from core.execution.sandbox.command import Limits
from core.execution.sandbox.sandbox import Sandbox


class Runner(ABC):
    """One test tool of one language; it works on copies of the delivered folder and never on the folder itself."""

    name: ClassVar[str]
    test_suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    async def unavailable(self, sandbox: Sandbox) -> NotExecuted | None:
        """Return what is missing on this machine and how to install it; None when tests can be executed."""

    @abstractmethod
    async def run(
        self, tree: Path, test_paths: Sequence[str], code_paths: Sequence[str], sandbox: Sandbox, limits: Limits
    ) -> SuiteRun:
        """Collect and execute test files of a tree of files, which is the caller's to throw away.

        `test_paths` and `code_paths` are relative to `tree`.
        """

    @abstractmethod
    def hollow(self, tree: Path, code_paths: Sequence[str]) -> tuple[str, ...]:
        """Replace delivered code of a tree by code that does nothing, in place, and return the paths that were replaced.

        Public functions and methods raise; a script does nothing and exits 0. Signatures, classes and constants stay.
        """
