"""Runs tests with `cargo test`, without a network: execution first, since the list of tests needs what it builds."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from core.execution.file_work import to_thread_to_its_end
from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
from core.execution.runners.cargo.manifest import needed_crates, write_manifest
from core.execution.runners.cargo.report import read_build_errors, read_cases, read_list
from core.execution.runners.disagreement import find_disagreement
from core.execution.runners.runner import Runner, changed_files, fingerprints
from core.execution.sandbox.command import MEBIBYTE, CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.text.sanitize import strip_controls

REPORT_BYTES = 8 << 20
KEPT_OUTPUT_CHARS = 16_000
# What a compiler writes is larger than what tests do.
LEAST_FILE_BYTES = 128 * MEBIBYTE
LEAST_DISK_BYTES = 1024 * MEBIBYTE
SYSROOT_SECONDS = 20.0
INSTALL_HINT = "install Rust from https://rustup.rs"
LINKER_HINT = "install a C compiler, such as gcc, with your package manager"


class CargoRunner(Runner):
    """Tests in Rust: those in tests/, those beside the code, and those in its comments."""

    name: ClassVar[str] = "cargo"
    test_suffixes: ClassVar[tuple[str, ...]] = (".rs",)

    async def unavailable(self, sandbox: Sandbox) -> NotExecuted | None:  # noqa: ARG002  # found on the machine
        """Return which part of Rust's tools is missing."""
        if shutil.which("cargo") is None or shutil.which("rustc") is None:
            return NotExecuted("Rust is not installed", INSTALL_HINT)
        if shutil.which("cc") is None:
            return NotExecuted("Rust finds no linker: there is no cc", LINKER_HINT)
        if await asyncio.to_thread(_find_tools) is None:
            return NotExecuted("rustc does not say where it is installed", INSTALL_HINT)
        return None

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
        """Build, execute and list tests; crates from elsewhere end it before."""
        prepared = await to_thread_to_its_end(_prepare, tree, test_paths, code_paths)
        if isinstance(prepared, NotExecuted):
            return prepared
        cargo = _Cargo(prepared, sandbox, limits)
        result = await cargo.test()
        output = _text(result, prepared.tree)
        cases = read_cases(output, frozenset(code_paths))
        broken = None
        if not cases and result.exit_code:
            broken = read_build_errors(output, test_paths, frozenset(code_paths))
        collected = tuple(case.id for case in cases)
        words = ""
        if result.end == "exited" and collects and broken is None:
            listed = await cargo.test("--", "--list")
            collected = read_list(_text(listed, prepared.tree))
        changed = await asyncio.to_thread(changed_files, prepared.tree, prepared.before)
        if result.end == "exited":
            words = find_disagreement("cargo", collected, cases, [broken] if broken else [], result.exit_code)
        if result.output_was_cut:
            words = "the output of the tests is larger than can be read"
        if changed:
            words = f"running the tests changed or deleted delivered files: {', '.join(changed[:3])}"
        return SuiteRun(
            runner=self.name,
            command=("cargo", "test"),
            rung=result.rung,
            limits=limits,
            end=result.end,
            exit_code=result.exit_code,
            seconds=result.seconds,
            collected=collected,
            cases=cases,
            broken=(broken,) if broken is not None else (),
            output=strip_controls(output[-KEPT_OUTPUT_CHARS:]),
            disagreement=words if result.end == "exited" else "",
        )


@dataclass(frozen=True, slots=True)
class _Prepared:
    tree: Path
    tools: Path
    before: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Cargo:
    prepared: _Prepared
    sandbox: Sandbox
    limits: Limits

    async def test(self, *arguments: str) -> CommandResult:
        """Run `cargo test`, with all that it says in one stream, in the order in which it says it."""
        tree, programs = self.prepared.tree, self.prepared.tools / "bin"
        command = ("cargo", "test", "--offline", "--no-fail-fast", "--color", "never", *arguments)
        return await self.sandbox.run(
            SandboxedCommand(
                ("sh", "-c", 'exec "$@" 2>&1', "sh", *command),
                tree,
                readable=(self.prepared.tools,),
                environment={
                    "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
                    "CARGO_HOME": str(tree / "target" / "cargo-home"),
                    "CARGO_TARGET_DIR": str(tree / "target"),
                    "CARGO_INCREMENTAL": "0",
                    "CARGO_PROFILE_TEST_DEBUG": "0",
                    "CARGO_PROFILE_DEV_DEBUG": "0",
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
    tools = _find_tools()
    if tools is None:
        return NotExecuted("Rust is not installed", INSTALL_HINT)
    if crates := needed_crates(tree):
        return NotExecuted(
            f"the delivered code needs {', '.join(crates)}, and tests run without a network",
            "run `cargo test` in the delivered folder yourself",
        )
    write_manifest(tree, test_paths, code_paths)
    return _Prepared(tree, tools, fingerprints(tree, (*test_paths, *code_paths)))


def _find_tools() -> Path | None:
    """Return the folder of the tools themselves: what is on the PATH may only be a switch between several."""
    rustc = shutil.which("rustc")
    if rustc is None:
        return None
    try:
        said = subprocess.run(  # noqa: S603  # the user's own compiler
            [rustc, "--print", "sysroot"], capture_output=True, text=True, timeout=SYSROOT_SECONDS, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    folder = Path(said.stdout.strip())
    return folder if (folder / "bin" / "cargo").exists() else None


def _text(result: CommandResult, tree: Path) -> str:
    return result.stdout.decode(errors="replace").replace(f"{tree}/", "")
