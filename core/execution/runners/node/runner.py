"""Runs tests with `node --test`: a list of what there is to run and an execution, each in its own sandbox and copy."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from core.execution.file_work import to_thread_to_its_end
from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
from core.execution.runners.disagreement import find_disagreement
from core.execution.runners.node.needs import TYPESCRIPT_SUFFIXES, missing_packages, runs_tests, runs_typescript
from core.execution.runners.node.report import NodeReport, read_collection, read_report
from core.execution.runners.runner import Runner, changed_files, fingerprints
from core.execution.runners.words import explained
from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.execution.sandbox.visible import interpreter_paths

SCRATCH_PREFIX = "quintet-node-"
PROGRAM_FILES = ("reporter.mjs", "collector.cjs")
REPORT_BYTES = 8 << 20
INSTALL_HINT = "install Node.js 22.18 or newer from https://nodejs.org or with your package manager"


class NodeRunner(Runner):
    """Tests that use `node:test`, or plain scripts that fail by an exception."""

    name: ClassVar[str] = "node"
    test_suffixes: ClassVar[tuple[str, ...]] = (".js", ".mjs", ".cjs", *TYPESCRIPT_SUFFIXES)

    async def unavailable(self, sandbox: Sandbox) -> NotExecuted | None:  # noqa: ARG002  # found on the machine
        """Return that there is no node, if there is none."""
        if shutil.which("node") is not None:
            return None
        return NotExecuted("Node.js is not installed", INSTALL_HINT)

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
        """List and execute tests; packages, and TypeScript where this Node.js cannot run it, end it before."""
        paths = (*test_paths, *code_paths)
        with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, ignore_cleanup_errors=True) as scratch:
            prepared = await to_thread_to_its_end(_prepare, tree, paths, scratch)
            if isinstance(prepared, NotExecuted):
                return prepared
            tool = _Tool(prepared, sandbox, limits)
            if any(path.endswith(TYPESCRIPT_SUFFIXES) for path in paths):
                version = await tool.version()
                if not runs_typescript(version):
                    return NotExecuted(f"Node.js {version} does not run TypeScript", INSTALL_HINT)
            async with asyncio.TaskGroup() as group:
                executing = group.create_task(
                    tool.node(prepared.tree, "--test", f"--test-reporter={prepared.reporter}", *test_paths)
                )
                collecting = (
                    group.create_task(tool.node(prepared.copy, str(prepared.collector), *test_paths))
                    if collects
                    else None
                )
            changed = await asyncio.to_thread(changed_files, prepared.tree, prepared.before)
            result = executing.result()
            report = await asyncio.to_thread(read_report, result.stdout, prepared.tree, frozenset(code_paths))
            found = read_collection(collecting.result().stdout) if collecting is not None else None
            if collecting is not None and found is None and not runs_tests(version := await tool.version()):
                return NotExecuted(f"Node.js {version} is too old to run these tests", INSTALL_HINT)
        collected = tuple(case.id for case in report.cases) if collecting is None else found
        return SuiteRun(
            runner=self.name,
            command=("node", "--test", *test_paths),
            rung=result.rung,
            limits=limits,
            end=result.end,
            exit_code=result.exit_code,
            seconds=result.seconds,
            collected=collected or (),
            cases=tuple(replace(case, message=explained(case.message)) for case in report.cases),
            broken=tuple(replace(each, message=explained(each.message)) for each in report.broken),
            output=report.output,
            disagreement=_doubt(result, report, collected, changed) if result.end == "exited" else "",
        )


def _doubt(result: CommandResult, report: NodeReport, collected: Sequence[str] | None, changed: Sequence[str]) -> str:
    """Return why a report cannot be believed, empty if it can."""
    if not report.is_finished or result.output_was_cut:
        return "the report of the tests is not whole"
    if report.silent:
        return f"{report.silent[0]} holds tests, and none of them was reported"
    if changed:
        return f"running the tests changed or deleted delivered files: {', '.join(changed[:3])}"
    if collected is None:
        return "" if report.broken else "a separate list of the tests did not come to its end"
    return find_disagreement("node", collected, report.cases, report.broken, result.exit_code)


@dataclass(frozen=True, slots=True)
class _Prepared:
    tree: Path
    copy: Path  # for the list: loading tests may leave files behind
    node: Path
    reporter: Path
    collector: Path
    before: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Tool:
    prepared: _Prepared
    sandbox: Sandbox
    limits: Limits

    async def version(self) -> str:
        """Return which Node.js this is."""
        return (await self.node(self.prepared.tree, "--version")).stdout.decode(errors="replace").strip()

    async def node(self, folder: Path, *arguments: str) -> CommandResult:
        """Run node in a folder."""
        node = self.prepared.node
        return await self.sandbox.run(
            SandboxedCommand(
                (str(node), *arguments),
                folder,
                readable=(self.prepared.reporter.parent, *interpreter_paths(node)),
                environment={"PATH": f"{node.parent}:/usr/local/bin:/usr/bin:/bin", "NO_COLOR": "1"},
                limits=replace(self.limits, output_bytes=max(self.limits.output_bytes, REPORT_BYTES)),
            )
        )


def _prepare(tree: Path, paths: Sequence[str], scratch: str) -> _Prepared | NotExecuted:
    tree, folder = tree.resolve(), Path(scratch).resolve()
    node = shutil.which("node")
    if node is None:
        return NotExecuted("Node.js is not installed", INSTALL_HINT)
    if missing := missing_packages(tree, paths):
        listed = ", ".join(missing)
        return NotExecuted(
            f"the delivered code needs {listed}, and no package is installed for it",
            "run `npm install` and then `npm test` in the delivered folder yourself",
        )
    program, copy = folder / "program", folder / "list" / tree.name
    program.mkdir()
    for name in PROGRAM_FILES:
        (program / name).write_text(files(__package__).joinpath(name).read_text(encoding="utf-8"), encoding="utf-8")
    shutil.copytree(tree, copy, symlinks=True)
    reporter, collector = (program / name for name in PROGRAM_FILES)
    return _Prepared(tree, copy, Path(node), reporter, collector, fingerprints(tree, paths))
