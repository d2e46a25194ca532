"""The plan of a run: which files there shall be, asked for once more when it names what cannot be made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from string import Template
from typing import Self

from core.errors import ArtifactError
from core.events import Warned
from core.prompts import render
from core.workflow.definition import StepSpec
from core.workflow.graph import PlanEntry
from core.workflow.jobs.delivered_file import deliver_file
from core.workflow.jobs.job import FileResult, Job, StepInProgress
from core.workflow.layouts.planned import is_test_file, needs_several_files
from core.workspace.answers.structured import FilePlan, PlannedFile, RefusedPath, read_file_plan
from core.workspace.checks.acting_files import hidden_by, shadowed_module
from core.workspace.checks.known_packages import DECLARING_NAMES

QUOTED_PROBLEMS = 8
EMPTY_TEST_PACKAGES = frozenset({"tests/__init__.py", "test/__init__.py"})


@dataclass(frozen=True, slots=True)
class PlanJob(Job):
    """Asks which files there shall be, once in a run; the layout follows the answer.

    A tiny model gets the one file of the layout, and so does a compact one whose task speaks of no more. What a plan names
    and cannot be made is told, and makes the step fall short. What the language's tools want beside the code is written here.
    """

    job: str

    @classmethod
    def of_step(cls, spec: StepSpec) -> Iterable[Self]:
        return [cls(spec.plan)] if spec.plan is not None else []

    async def work(self, step: StepInProgress) -> None:
        if step.before.get("plan"):
            return
        plan = await self._plan(step) if _is_planned(step) else None
        if plan is not None:
            await self._accept(step, plan)
        for path, text in step.run.layout.scaffold:
            if path not in step.before.get("artifacts", {}):
                artifact = await deliver_file(
                    step.run, path, text, role="ops", author=step.agent.id, round_number=step.round_number
                )
                step.progress.files.append(FileResult(path, artifact))

    async def _accept(self, step: StepInProgress, plan: FilePlan) -> None:
        step.progress.plan = [PlanEntry(path=file.path, purpose=file.purpose) for file in plan.files]
        step.run.follow_plan(plan.files)
        step.run.planned_names.update((file.path, file.named) for file in plan.files if file.named)
        for refused in plan.refused:
            problem = ArtifactError(refused.rule, refused.why)
            await step.reject(refused.path, problem)
            step.progress.unmet.append(FileResult(refused.path, None, why=problem.message))

    async def _plan(self, step: StepInProgress) -> FilePlan | None:
        """Return what is planned; None for the one file of the layout, which is a plan too."""
        try:
            answer = await step.whole_answer(self.job, step.variables)
        except ArtifactError as error:
            _warn(step, f"there is no plan: {error.message}")
            return None
        first = _makeable(step, read_file_plan(answer))
        if not first.files and not first.refused:
            _warn(step, "the plan names no file")
            return None
        if not first.refused:
            return first
        for refused in first.refused:
            await step.reject(refused.path, ArtifactError(refused.rule, refused.why), asked_again=True)
        problem = "\n".join(f"- {refused.why}" for refused in first.refused[:QUOTED_PROBLEMS])
        words = render(step.run.deps.common.replan, {"problem": problem, "answer": answer}, "replan")
        try:
            second = _makeable(step, read_file_plan(await step.whole_answer(self.job, step.variables, more=words)))
        except ArtifactError:
            return first
        return second if second.files else first


def _makeable(step: StepInProgress, plan: FilePlan) -> FilePlan:
    """Take out what other agents make, and refuse what would do harm where it is, or is not of the language."""
    run = step.run
    elsewhere = _made_elsewhere(step)
    files, refused = [], list(plan.refused)
    for file in plan.files:
        if file.path.casefold() in elsewhere and not is_test_file(run.layout, file.path):
            continue
        if file.path in EMPTY_TEST_PACKAGES:
            continue  # tests find what they import without it
        if module := shadowed_module(file.path):
            why = f"{hidden_by(file.path, module)}; choose another name"
            refused.append(RefusedPath(file.path, why, "shadows"))
        else:
            files.append(file)
    sources = [file for file in files if run.layout.makes(file.path) and not is_test_file(run.layout, file.path)]
    others = [file for file in files if file not in sources]
    if files and not sources:
        why = f"the program is in {run.layout.language}, and the plan names no file of it beside"
        refused += [RefusedPath(file.path, f"{why} {file.path}", "other_language") for file in files]
        files = []
    # What declares packages comes first, so that the code is held to it.
    others.sort(key=lambda file: DECLARING_NAMES.fullmatch(PurePosixPath(file.path).name) is None)
    declaring = [file for file in others if DECLARING_NAMES.fullmatch(PurePosixPath(file.path).name)]
    return FilePlan((*declaring, *sources, *others[len(declaring) :]) if files else (), tuple(refused))


def planned_files(entries: Sequence[PlanEntry]) -> tuple[PlannedFile, ...]:
    """Return what the state holds of the plan."""
    return tuple(PlannedFile(entry["path"], entry["purpose"]) for entry in entries)


def _is_planned(step: StepInProgress) -> bool:
    tier = step.run.tier
    return tier == "full" or (tier == "compact" and needs_several_files(step.run.request.task))


def _made_elsewhere(step: StepInProgress) -> set[str]:
    """Return the files that other steps make, case folded: who plans need not, and whoever makes them comes later."""
    layout = step.run.layout
    names = {"source": layout.source, "test": layout.test, "module": layout.module}
    return {
        str(PurePosixPath(Template(file.path).substitute(names))).casefold()
        for other in step.run.workflow.steps
        if other.id != step.spec.id
        for file in other.files
    }


def _warn(step: StepInProgress, message: str) -> None:
    run = step.run
    hint = f"{run.layout.source} alone is made instead"
    run.deps.emit(Warned(**run.stamp(), message=message, hint=hint))
