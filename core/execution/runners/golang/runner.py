"""Runs tests with `go test -json`, without a network and with a build cache that is gone afterwards."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from core.execution.file_work import to_thread_to_its_end
from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
from core.execution.runners.disagreement import find_disagreement
from core.execution.runners.golang.report import find_tests, read_build_errors, read_cases, read_list, read_output
from core.execution.runners.runner import Runner, changed_files, fingerprints
from core.execution.sandbox.command import MEBIBYTE, CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.execution.sandbox.visible import interpreter_paths

BUILD_FAILED = "[build failed]"
REPORT_BYTES = 8 << 20
KEPT_OUTPUT_CHARS = 16_000
# What a compiler writes is larger than what tests do.
LEAST_FILE_BYTES = 128 * MEBIBYTE
LEAST_DISK_BYTES = 1024 * MEBIBYTE
INSTALL_HINT = "install Go from https://go.dev/dl or with your package manager"
DEFAULT_MODULE = "module delivered\n\ngo 1.21\n"
_REQUIRED = re.compile(r"^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+v\d", re.MULTILINE)


class GoRunner(Runner):
    """Tests in Go, of every package below the folder."""

    name: ClassVar[str] = "go"
    test_suffixes: ClassVar[tuple[str, ...]] = (".go",)

    async def unavailable(self, sandbox: Sandbox) -> NotExecuted | None:  # noqa: ARG002  # found on the machine
        """Return that there is no go, if there is none."""
        return None if shutil.which("go") is not None else NotExecuted("Go is not installed", INSTALL_HINT)

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
        """Build, execute and list tests; modules from elsewhere end it before."""
        prepared = await to_thread_to_its_end(_prepare, tree, test_paths, code_paths)
        if isinstance(prepared, NotExecuted):
            return prepared
        go = _Go(prepared, sandbox, limits)
        result = await go.test("-json")
        output = result.stdout.decode(errors="replace")
        errors = result.stderr.decode(errors="replace").replace(f"{prepared.tree}/", "")
        code = frozenset(code_paths)
        cases = read_cases(output, prepared.tests, code)
        is_unbuilt = result.exit_code and (not cases or BUILD_FAILED in output)
        broken = read_build_errors(output, errors, test_paths, code) if is_unbuilt else None
        collected = tuple(case.id for case in cases)
        if result.end == "exited" and collects and broken is None:
            listed = await go.test("-list", ".")
            collected = read_list(listed.stdout.decode(errors="replace"), prepared.tests)
        words = find_disagreement("go", collected, cases, [broken] if broken else [], result.exit_code)
        if changed := await asyncio.to_thread(changed_files, prepared.tree, prepared.before):
            words = f"running the tests changed or deleted delivered files: {', '.join(changed[:3])}"
        if result.output_was_cut:
            words = "the output of the tests is larger than can be read"
        return SuiteRun(
            runner=self.name,
            command=("go", "test", "./..."),
            rung=result.rung,
            limits=limits,
            end=result.end,
            exit_code=result.exit_code,
            seconds=result.seconds,
            collected=collected,
            cases=cases,
            broken=(broken,) if broken is not None else (),
            output=(read_output(output) + errors)[-KEPT_OUTPUT_CHARS:],
            disagreement=words if result.end == "exited" else "",
        )


@dataclass(frozen=True, slots=True)
class _Prepared:
    tree: Path
    go: Path
    tests: dict[str, str]
    before: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Go:
    prepared: _Prepared
    sandbox: Sandbox
    limits: Limits

    async def test(self, *arguments: str) -> CommandResult:
        """Run `go test` for all packages."""
        go, tree = self.prepared.go, self.prepared.tree
        return await self.sandbox.run(
            SandboxedCommand(
                (str(go), "test", *arguments, "./..."),
                tree,
                readable=interpreter_paths(go),
                environment={
                    "PATH": f"{go.parent}:/usr/local/bin:/usr/bin:/bin",
                    "GOPROXY": "off",
                    "GOTOOLCHAIN": "local",
                    "GOFLAGS": "-mod=mod -count=1",
                    "CGO_ENABLED": "0",
                    # Names that begin with a dot are none of a module's packages.
                    "GOCACHE": str(tree / ".go" / "cache"),
                    "GOPATH": str(tree / ".go"),
                },
                limits=replace(
                    self.limits,
                    output_bytes=max(self.limits.output_bytes, REPORT_BYTES),
                    file_bytes=max(self.limits.file_bytes, LEAST_FILE_BYTES),
                    disk_bytes=max(self.limits.disk_bytes, LEAST_DISK_BYTES),
                ),
            )
        )


def _prepare(tree: Path, test_paths: Sequence[str], code_paths: Sequence[str]) -> _Prepared | NotExecuted:
    tree = tree.resolve()
    go = shutil.which("go")
    if go is None:
        return NotExecuted("Go is not installed", INSTALL_HINT)
    manifest = tree / "go.mod"
    if not manifest.exists():
        manifest.write_text(DEFAULT_MODULE, encoding="utf-8")
    if needed := _REQUIRED.findall(manifest.read_text(encoding="utf-8", errors="replace")):
        return NotExecuted(
            f"the delivered code needs {', '.join(needed)}, and tests run without a network",
            "run `go test ./...` in the delivered folder yourself",
        )
    texts = {path: (tree / path).read_text(encoding="utf-8", errors="replace") for path in test_paths}
    return _Prepared(tree, Path(go), find_tests(texts), fingerprints(tree, (*test_paths, *code_paths)))
