"""Small delivered trees in Python, and running them with the real pytest in the real sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
from core.execution.runners.python.runner import PytestRunner
from core.execution.sandbox.bubblewrap import Bubblewrap
from core.execution.sandbox.command import Limits

LIMITS = Limits()


def write_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files, by path, into a new folder of `folder`."""
    tree = folder / "tree"
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    return tree


def run_pytest(
    folder: Path, files: Mapping[str, str], limits: Limits = LIMITS, *, collects: bool = True
) -> SuiteRun | NotExecuted:
    """Run all test files among `files`; the others are the delivered code."""
    tests = [path for path in files if Path(path).name.startswith("test_")]
    code = [path for path in files if path not in tests]
    tree = write_tree(folder, files)
    return asyncio.run(PytestRunner().run(tree, tests, code, Bubblewrap(), limits, collects=collects))


def executed(folder: Path, files: Mapping[str, str], limits: Limits = LIMITS) -> SuiteRun:
    """Run all test files among `files`, which can be executed here."""
    suite = run_pytest(folder, files, limits)
    assert isinstance(suite, SuiteRun), suite
    return suite
