"""Delivered trees of any language: executing them in the real sandbox, and judging what that proves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence
from core.execution.results import SuiteRun
from core.execution.runners.registry import runner_for
from core.execution.sandbox.bubblewrap import Bubblewrap
from core.execution.sandbox.command import Limits
from core.execution.verify import verify
from tests.support.python_trees import write_tree

LIMITS = Limits()


def run_tests(folder: Path, code: Mapping[str, str], tests: Mapping[str, str], limits: Limits = LIMITS) -> SuiteRun:
    """Execute tests, which can be executed here, by the runner that their names ask for."""
    runner = runner_for(list(tests))
    assert runner is not None
    tree = write_tree(folder, {**code, **tests})
    suite = asyncio.run(runner.run(tree, list(tests), list(code), Bubblewrap(), limits))
    assert isinstance(suite, SuiteRun), suite
    return suite


def verified(folder: Path, code: Mapping[str, str], tests: Mapping[str, str]) -> Evidence:
    """Return the evidence for a delivery of these files."""
    tree = write_tree(folder, {**code, **tests})
    delivered = Deliverable(tree, (*code, *tests), tuple(code), tuple(tests), "this language")
    return asyncio.run(verify(delivered, runner_for(list(tests)), Bubblewrap(), LIMITS))
