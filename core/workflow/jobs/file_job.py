"""One file from one answer: asked for, read, checked, asked for once more with the problem quoted, written or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Template
from typing import Self

from core.errors import ArtifactError, LLMCallError
from core.events import Warned
from core.llm.request import Reply
from core.prompts import render
from core.workflow.definition import FileRole, FileSpec, StepSpec
from core.workflow.graph import ArtifactRef
from core.workflow.jobs.delivered_file import deliver_file
from core.workflow.jobs.file_checks import checks_for
from core.workflow.jobs.job import FileResult, Job, StepInProgress
from core.workflow.jobs.readme_trial import ReadmeTrial
from core.workflow.layouts.planned import is_test_file
from core.workspace.answers.reader import ReadFile, read_file, read_further
from core.workspace.answers.structured import MAX_REQUIREMENTS, all_requirements
from core.workspace.answers.whole_tests import whole_tests
from core.workspace.checks.acting_files import acting_name, acts_unasked

QUOTED_ANSWER_CHARACTERS = 6_000
REWORKED_ROLES: tuple[FileRole, ...] = ("code", "test")
"""What is written again when tests are not green."""


@dataclass(frozen=True, slots=True)
class FileJob(Job):
    """Asks for the files of one role; an answer that is incomplete or does not parse never becomes a file."""

    file: FileSpec

    @classmethod
    def of_step(cls, spec: StepSpec) -> Iterable[Self]:
        return [cls(file) for file in spec.files]

    async def work(self, step: StepInProgress) -> None:
        if step.run.tier not in self.file.tiers:
            return
        paths = self._paths(step)
        for path in paths:
            delivered = {file.path for file in step.progress.files}
            if path in delivered:
                continue  # an answer for another file had it too
            variables = await step.prompt_context.for_file(step.variables, path, step.state)
            others = [other for other in paths if other != path and other not in delivered]
            step.progress.files.append(await self._deliver(step, path, variables, others))

    def _paths(self, step: StepInProgress) -> list[str]:
        """Return the files to write: all of them, or in a rework those that something is wrong with."""
        paths, rework = self._all_paths(step), step.before.get("rework")
        return [path for path in paths if path in rework] if rework and self.file.role in REWORKED_ROLES else paths

    def _all_paths(self, step: StepInProgress) -> list[str]:
        layout = step.run.layout
        planned = [file.path for file in step.run.plan if not is_test_file(layout, file.path)]
        if self.file.role == "code" and planned:
            return planned
        if self.file.role == "test" and self.file.path == "$test":
            return list(layout.tests)
        names = {"source": layout.source, "test": layout.test, "module": layout.module}
        path = Template(self.file.path).substitute(names)
        return [path] if path else []  # what is no program has no test file

    async def _deliver(
        self, step: StepInProgress, path: str, variables: Mapping[str, str], others: Sequence[str]
    ) -> FileResult:
        run, progress = step.run, step.progress
        # In a folder of the user's, a file that is there is corrected and not made anew.
        is_corrected = run.source_folder is not None and self.file.role == "code"
        current = variables.get("current", "")
        checks = await checks_for(step, path, self.file.role, current if is_corrected else "")
        readme = ReadmeTrial(step, path) if self.file.role == "readme" and run.source_folder is None else None
        problem: ArtifactError | None = None
        answer = ""
        for draw in range(step.answers_allowed):
            if problem is not None:
                await step.reject(path, problem, asked_again=True)
            # A tiny model does not follow a quoted error; it gets the plain job again and a fresh draw.
            is_repair = problem is not None and run.tier != "tiny"
            if problem is not None and is_repair:
                template = run.deps.common.repair.template(run.tier)
                prompt = render(template, {**variables, "problem": problem.message, "answer": answer}, "repair")
            else:
                prompt = step.agent.prompt.render_job(self.file.job, run.tier, variables)
            sampling = step.sampling(self.file.job, variables, draw=draw, keep_prefill=not is_repair)
            try:
                reply = await step.answer(prompt, sampling, made=path)
            except LLMCallError:
                if readme is None or readme.kept is None:
                    raise
                break  # the one that is there is better than none
            answer = reply.text[-QUOTED_ANSWER_CHARACTERS:]
            try:
                read = self._read(reply, path, current)
                await asyncio.to_thread(checks.refuse, read.text)
                if readme is not None:
                    read = await readme.truest(read, may_ask=draw < step.answers_allowed - 1)
                if run.tier == "full" and others:
                    read = await self._with_others(step, reply.text, read, others)
                artifact = await self._write(step, path, read)
                if readme is not None:
                    readme.tell()
                if self.file.role == "brief":
                    _tell_surplus(step, read.text)
                return FileResult(path, artifact)
            except ArtifactError as error:
                problem = error
                # Another answer may do without what is in a file; it can do nothing about the name.
                if error.kind == "acts" and (acting_name(path) or draw == step.answers_allowed - 1):
                    return await self._hold(step, path, read.text)
                progress.truncated = progress.truncated or error.kind == "truncated"
        if readme is not None and readme.kept is not None:
            artifact = await self._write(step, path, readme.kept)
            readme.tell()
            return FileResult(path, artifact)
        assert problem is not None  # noqa: S101 - an answer at least is allowed, and none was taken
        await step.reject(
            path, ArtifactError(problem.kind, f"{problem.message} (after {step.answers_allowed} answers)")
        )
        return FileResult(path, None, why=problem.message)

    def _read(self, reply: Reply, path: str, current: str) -> ReadFile:
        """Return the file of an answer; of Python tests that were cut off, those that are whole."""
        if reply.finish_reason == "length" and self.file.role == "test" and path.endswith(".py"):
            read = whole_tests(reply.text)
            if read is not None:
                return read
        return read_file(reply.text, path=path, finish_reason=reply.finish_reason, current=current)

    async def _with_others(self, step: StepInProgress, answer: str, read: ReadFile, others: Sequence[str]) -> ReadFile:
        """Take the other files that an answer holds too, those that pass; return the file without them in what it ignored."""
        taken: list[str] = []
        for path, other in read_further(answer, paths=others).items():
            checks = await checks_for(step, path, self.file.role, "")
            try:
                await asyncio.to_thread(checks.refuse, other.text)
                artifact = await self._write(step, path, other)
            except ArtifactError:
                continue  # it is asked for by itself, with the problem quoted
            step.progress.files.append(FileResult(path, artifact))
            taken.append(path)
        ignored = tuple(line for line in read.ignored if not any(f" {path} (" in line for path in taken))
        return replace(read, ignored=ignored)

    async def _write(self, step: StepInProgress, path: str, read: ReadFile) -> ArtifactRef:
        return await deliver_file(
            step.run,
            path,
            read.text,
            role=self.file.role,
            author=step.agent.id,
            round_number=step.round_number,
            ignored=read.ignored,
        )

    async def _hold(self, step: StepInProgress, path: str, text: str) -> FileResult:
        why = f"{path} is kept apart until you have seen it: {acts_unasked(path, text)}"
        held = await asyncio.to_thread(step.run.folder.hold, path, text, why)
        await step.reject(path, ArtifactError("acts", why), held=held)
        return FileResult(path, None, why=f"{why} ({held})")


def _tell_surplus(step: StepInProgress, brief: str) -> None:
    """Say which requirements of a brief nobody is given."""
    surplus = all_requirements(brief)[MAX_REQUIREMENTS:]
    if surplus:
        names = ", ".join(requirement.id for requirement in surplus[:MAX_REQUIREMENTS])
        message = f"the brief has {MAX_REQUIREMENTS + len(surplus)} requirements; only the first {MAX_REQUIREMENTS} are worked on, not {names}"
        step.run.deps.emit(Warned(**step.run.stamp(), message=message, hint="split the task into smaller ones"))
