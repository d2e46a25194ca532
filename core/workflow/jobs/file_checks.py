"""What is asked of a file before it is put where it belongs, beyond its form: it is whole, it is code, and it can be run here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ArtifactError
from core.text.redaction import holds_secret
from core.workflow.definition import FileRole
from core.workflow.graph import RunState, paths_of_role
from core.workflow.jobs.job import StepInProgress
from core.workflow.layouts.layout import dotted
from core.workflow.prompt_context import read_if_there
from core.workspace.answers.elisions import find_elisions
from core.workspace.checks.file_check import check_file
from core.workspace.checks.known_packages import DECLARING_NAMES, KnownPackages, known_packages
from core.workspace.checks.python_source import lost_definitions, unresolved_names
from core.workspace.checks.substance import refuse_hollow

CODE_ROLES: frozenset[FileRole] = frozenset({"code", "test"})


@dataclass(frozen=True, slots=True)
class FileChecks:
    """What one file is held against.

    `before` is what it was when the user brought it; `modules` are the texts of the code by path; `packages` is None where
    the user's own folder decides what may be imported.
    """

    path: str
    role: FileRole
    module: str
    before: str
    modules: Mapping[str, str]
    packages: KnownPackages | None

    def refuse(self, text: str) -> None:
        """Raise ArtifactError with the first problem of a text; takes up to 5 s, call from a thread."""
        path, is_test = self.path, self.role == "test"
        problem = check_file(path, text)
        if problem:
            raise ArtifactError("invalid", problem)
        if holds_secret(text):
            raise ArtifactError("secret", f"{path} holds your API key")
        lost = lost_definitions(self.before, text) if path.endswith(".py") else ()
        if lost:
            raise ArtifactError("leaves_out", f"{path} leaves out most of what the file had: {', '.join(lost[:5])}")
        elisions = find_elisions(path, text)
        if elisions:
            raise ArtifactError("elision", f"{path} leaves something out: {elisions[0]}")
        if self.role in CODE_ROLES | {"ops"}:
            refuse_hollow(path, text, module=self.module, is_test=is_test)
        if is_test and (missing := unresolved_names(text, self.modules)):
            raise ArtifactError(
                "unresolved_import", f"the tests import what the code does not define: {', '.join(missing)}"
            )
        if self.packages is not None and (unknown := self.packages.unknown_in(text, is_test=is_test)):
            raise ArtifactError("unknown_package", _unknown(path, unknown))


def _unknown(path: str, unknown: tuple[str, ...]) -> str:
    names, which = ", ".join(unknown), "which is" if len(unknown) == 1 else "which are"
    return (
        f"{path} imports {names}, {which} neither in the standard library nor a file of this project, nor declared or named "
        "in the task: do without"
    )


async def checks_for(step: StepInProgress, path: str, role: FileRole, before: str) -> FileChecks:
    """Return the checks of one file of a step, with what is there now."""
    return await asyncio.to_thread(_gathered, step, path, role, before)


def _gathered(step: StepInProgress, path: str, role: FileRole, before: str) -> FileChecks:
    run, state = step.run, step.state
    modules: dict[str, str] = {}
    if role == "test":
        modules = {code: read_if_there(run, code) for code in _python_paths(state)}
    module = dotted(path, run.layout.import_roots) if path.endswith(".py") else ""
    return FileChecks(path, role, module, before, modules, _packages(step, path, role))


def _packages(step: StepInProgress, path: str, role: FileRole) -> KnownPackages | None:
    run, state = step.run, step.state
    if role not in CODE_ROLES or not path.endswith(".py") or run.source_folder is not None:
        return None
    paths = {path, *_python_paths(state), *paths_of_role(state, "test"), *(file.path for file in run.plan)}
    declaring = [ref for ref in state.get("artifacts", {}) if DECLARING_NAMES.fullmatch(ref.rsplit("/", 1)[-1])]
    words = "\n".join([run.request.task, *(note.text for note in run.steering)])
    return known_packages(paths, {name: read_if_there(run, name) for name in declaring}, words)


def _python_paths(state: RunState) -> list[str]:
    return [path for path in paths_of_role(state, "code") if path.endswith(".py")]
