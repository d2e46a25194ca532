"""The hand-off contracts: what a step may read, made from accepted files and results, never from another agent's chat."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from string import Template

from core.errors import ArtifactError
from core.execution.evidence.examples.reader import read_examples
from core.kinds import Tier
from core.text.sanitize import plain_line
from core.workflow.definition import FileRole, StepSpec
from core.workflow.delivered_evidence import evidence_words
from core.workflow.graph import ArtifactRef, RunState, artifacts_of_role, paths_of_role
from core.workflow.layouts.layout import asks_for_program
from core.workflow.layouts.table import load_layouts
from core.workflow.run import Run
from core.workflow.source_folder import SourceFolder
from core.workspace.answers.structured import read_requirements
from core.workspace.checks.python_source import python_imports
from core.workspace.checks.signatures import signatures_of

GOAL_CHARACTERS = 300

ROLE_OF_VARIABLE: Mapping[str, FileRole] = {
    "brief": "brief",
    "requirements": "brief",
    "code": "code",
    "interfaces": "code",
    "tests": "test",
}
"""Whose files a variable is made of."""


FOLLOWS_PLAN = ("plan", "module", "entry", "program", "test_opening", "run_command", "test_command")
"""What a plan changes of what a step reads."""


class PromptContext:
    """Gives each step the variables of its prompts; reading files happens off the event loop."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._source = SourceFolder(run)
        self._providers: dict[str, Callable[[RunState], str]] = {
            "task": lambda _: run.task_in_prompts,
            "goal": lambda _: plain_line(run.request.task, limit=GOAL_CHARACTERS),
            "language": lambda _: run.layout.language,
            "project": lambda _: run.layout.project,
            "module": lambda _: run.layout.module,
            "run_command": lambda _: run.layout.run_command,
            "test_command": lambda _: run.layout.test_command,
            "brief": lambda state: self._joined(artifacts_of_role(state, "brief")),
            "requirements": self._requirements,
            "code": self._code,
            "tests": lambda state: self._joined(artifacts_of_role(state, "test")),
            "interfaces": self._interfaces,
            "manifest": self._manifest,
            "dependencies": self._dependencies,
            "entry": self._entry,
            "program": self._program,
            "test_opening": self._test_opening,
            "verdict": self._verdict,
            "evidence": lambda state: evidence_words(run.session, state),
            "examples": lambda _: "\n".join(example.quote for example in read_examples(run.request.task).examples),
            "notes": self._notes,
            "opinions": self._opinions,
            "plan": lambda _: "\n".join(f"{file.path} - {file.purpose}".removesuffix(" - ") for file in run.plan),
            "listing": lambda _: self._source.listing(),
            "left_out": lambda _: self._source.left_out(),
            "diff": lambda _: self._source.changes().text,
        }

    async def for_step(self, step: StepSpec, state: RunState) -> dict[str, str]:
        """Return the variables the step's contract names; those without content are empty texts."""

        def collect() -> dict[str, str]:
            return {name: self._providers[name](state) if name in self._providers else "" for name in step.reads}

        variables = await asyncio.to_thread(collect)
        self._source.tell()
        return variables

    async def for_file(self, variables: Mapping[str, str], path: str, state: RunState) -> dict[str, str]:
        """Return the step's variables plus those of the one file it is about to write."""

        def collect() -> dict[str, str]:
            # The plan may have come after the step's other variables.
            laid_out = {name: self._providers[name](state) for name in FOLLOWS_PLAN if name in variables}
            added = {**laid_out, "path": path, "current": self._current(path), **self._rework_of(path, state)}
            if PurePosixPath(path).suffix == ".py" and artifacts_of_role(state, "code"):
                # A file sees the others through their signatures, and itself whole.
                added["interfaces"] = self._interfaces(state, leave_out=path)
            return {**variables, **added}

        return await asyncio.to_thread(collect)

    async def has(self, need: str, state: RunState) -> bool:
        """Tell whether what a step cannot do without is there."""
        if need == "code" and artifacts_of_role(state, "code"):
            return True
        if need in self._providers:
            return bool((await asyncio.to_thread(self._providers[need], state)).strip())
        return False

    def hand_offs(self, step: StepSpec, state: RunState) -> dict[str, list[str]]:
        """Return what each agent hands to the step: agent id -> paths of files, or names of notes and findings."""
        sources: dict[str, list[str]] = {}
        wanted = {ROLE_OF_VARIABLE[name] for name in step.reads if name in ROLE_OF_VARIABLE}
        if "manifest" in step.reads:
            wanted |= {"code", "test", "ops"}
        for ref in artifacts_of_role(state, *wanted):
            if ref["agent"] != step.agent:
                sources.setdefault(ref["agent"], []).append(ref["path"])
        for step_id, result in state.get("results", {}).items():
            told = result["text"] is not None and {"notes", "opinions"} & set(step.reads)
            if result["agent"] != step.agent and told:
                sources.setdefault(result["agent"], []).append(f"{step_id} notes")
        return sources

    def _read(self, path: str) -> str:
        return read_if_there(self._run, path)

    def _joined(self, refs: list[ArtifactRef]) -> str:
        if len(refs) == 1:
            return self._read(refs[0]["path"])
        return "\n\n".join(_titled(ref["path"], self._read(ref["path"])) for ref in refs)

    def _requirements(self, state: RunState) -> str:
        requirements = read_requirements(self._joined(artifacts_of_role(state, "brief")))
        if not requirements:
            return f"R1: {plain_line(self._run.request.task, limit=GOAL_CHARACTERS)}"
        return "\n".join(f"{requirement.id}: {requirement.text}" for requirement in requirements)

    def _code(self, state: RunState) -> str:
        written = self._joined(artifacts_of_role(state, "code"))
        if written or self._run.source_folder is None:
            return written
        return "\n\n".join(_titled(path, text) for path, text in self._source.sources().files)

    def _current(self, path: str) -> str:
        # Only what this run has made is its own: the folder may hold a file of that name from another task.
        written = self._read(path) if path in self._run.delivered else ""
        return written or self._source.file(path)

    def _interfaces(self, state: RunState, leave_out: str = "") -> str:
        lines = []
        for ref in artifacts_of_role(state, "code"):
            if ref["path"] == leave_out:
                continue
            signatures = signatures_of(ref["path"], self._read(ref["path"]))
            lines.append("\n".join([f"{ref['path']}:", *(f"  {signature}" for signature in signatures)]))
        return "\n".join(lines)

    def _manifest(self, state: RunState) -> str:
        refs = artifacts_of_role(state, "brief", "code", "test", "ops", "readme", "report")
        return "\n".join(f"{ref['path']} ({ref['role']}, {ref['bytes']} bytes)" for ref in refs)

    def _dependencies(self, state: RunState) -> str:
        return ", ".join(dependencies(self._run, state))

    def _entry(self, state: RunState) -> str:
        paths, layout = paths_of_role(state, "code"), self._run.layout
        return next((path for path in (layout.entry, layout.source) if path in paths or not paths), (*paths, "")[0])

    def _program(self, state: RunState) -> str:
        """Return the entry if it is to be started: the task asks for a program, and a Python file has a main guard."""
        entry = self._entry(state)
        if not asks_for_program(self._run.request.task):
            return ""
        if entry.endswith(".py") and "__main__" not in self._read(entry) and PurePosixPath(entry).stem != "__main__":
            return ""
        return entry

    def _test_opening(self, state: RunState) -> str:
        """Return how a test file begins in this language; an empty text where that is not laid down."""
        row = load_layouts().languages[self._run.layout.key]
        program = self._program(state)
        opening = row.program_test_opening if program else row.test_opening
        return Template(opening).substitute(module=self._run.layout.module, program=program)

    def _verdict(self, state: RunState) -> str:
        verdict = state.get("verdict", "not_executed")
        reason = state.get("stop_reason", "")
        return "\n".join([f"{verdict}: {reason}" if reason else verdict, *_listed(state.get("findings", []))])

    def _rework_of(self, path: str, state: RunState) -> dict[str, str]:
        """Return what is wrong with a file that is written again; empty texts for one that is written new."""
        failures, code = state.get("rework", {}).get(path, ("", ""))
        read = self._run.session.read_text
        return {"failures": read(failures), "failing_code": read(code)}

    def _notes(self, state: RunState) -> str:
        parts = []
        for step_id, result in state.get("results", {}).items():
            reports = [ref for ref in artifacts_of_role(state, "report") if ref["path"] in result["artifacts"]]
            said = self._run.session.read_text(result["text"]) if result["text"] else self._joined(reports)
            said = said or result["notes"]
            if said:
                parts.append(self._said_by(f"{self._run.deps.agents[result['agent']].title} ({step_id})", said))
        return "\n\n".join(parts)

    def _opinions(self, state: RunState) -> str:
        results = state.get("results", {}).values()
        told = [(result["agent"], result["text"]) for result in results if result["text"]]
        return "\n\n".join(
            self._said_by(self._run.deps.agents[agent].title, self._run.session.read_text(reference))
            for agent, reference in told
        )

    def _said_by(self, who: str, words: str) -> str:
        """Return an agent's words below its name, so that they cannot pass for another agent's.

        What a tiny model reads begins its document, and is left as it is to be read.
        """
        return f"{who}:\n{words}" if self._run.tier == "tiny" else _titled(who, words)


def dependencies(run: Run, state: RunState) -> tuple[str, ...]:
    """Return the packages the project's Python files import from elsewhere, sorted."""
    paths = [path for path in paths_of_role(state, "code") if path.endswith(".py")]
    local = {part for path in paths for part in PurePosixPath(path).with_suffix("").parts}
    found: set[str] = set()
    for path in paths:
        found.update(python_imports(read_if_there(run, path), local_modules=local))
    return tuple(sorted(found))


def read_if_there(run: Run, path: str) -> str:
    """Return a delivered file, or an empty text: the user may have moved it meanwhile."""
    try:
        return run.folder.read_if_there(path) or ""
    except ArtifactError:
        return ""


def static_report(tier: Tier, state: RunState, rejected: Sequence[str]) -> str:
    """Return what is known of the files without running them, the evidence a verdict starts from; one line for a tiny model."""
    code, tests = paths_of_role(state, "code"), paths_of_role(state, "test")
    if tier == "tiny":
        return f"{len(code) + len(tests)} checks passed, {len(rejected)} failed"
    return "\n".join(
        [
            *(f"- {path} is complete and parses" for path in code),
            *(f"- {path} is complete, parses, and imports only what the code defines" for path in tests),
            *(f"- {path} was not accepted" for path in rejected),
        ]
    )


def _listed(findings: Sequence[str]) -> list[str]:
    return [f"- {finding}" for finding in findings]


def _titled(path: str, text: str) -> str:
    fence = "`" * max((len(run) + 1 for run in re.findall("`{3,}", text)), default=3)  # none in the text closes it
    return f"{path}:\n{fence}\n{text.rstrip()}\n{fence}"
