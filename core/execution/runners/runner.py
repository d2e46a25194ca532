"""What every test runner offers: whether it can run here, and one execution."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
from core.execution.sandbox.command import Limits
from core.execution.sandbox.sandbox import Sandbox

SOURCE_SUFFIXES = frozenset({".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".sh", ".bash", ".go", ".rs"})


class Runner(ABC):
    """One test tool of one language; it works on copies of the delivered folder and never on the folder itself."""

    name: ClassVar[str]
    test_suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    async def unavailable(self, sandbox: Sandbox) -> NotExecuted | None:
        """Return what is missing on this machine and how to install it; None when tests can be executed."""

    @abstractmethod
    async def run(
        self,
        tree: Path,
        test_paths: Sequence[str],
        code_paths: Sequence[str],
        sandbox: Sandbox,
        limits: Limits,
        *,
        collects: bool = True,
    ) -> SuiteRun | NotExecuted:
        """Collect and execute test files of a tree of files, which is the caller's to throw away.

        `test_paths` and `code_paths` are relative to `tree`. What is missing for these files alone, such as a package
        that the code declares, is only known here. Without `collects` there is no separate collection, and none that
        could disagree.
        """


def fingerprints(tree: Path, paths: Sequence[str]) -> dict[str, bytes]:
    """Return what source files of a tree hold, as a digest of each, to see later whether it was changed."""
    return {path: _digest(tree / path) for path in paths if Path(path).suffix in SOURCE_SUFFIXES}


def changed_files(tree: Path, before: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the paths whose files are no longer what they were, or gone."""
    return tuple(path for path, digest in before.items() if _digest(tree / path) != digest)


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""
