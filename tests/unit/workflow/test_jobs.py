"""What a step does: each kind of job finds its part of a step, and a step goes through the kinds in their order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Self

import pytest

from core.prompts import load_agents
from core.workflow import step as step_module
from core.workflow.definition import StepSpec, load_workflows
from core.workflow.jobs.job import Job, StepInProgress
from core.workflow.step import JOB_KINDS
from tests.support.team import DELIVERED, engine_harness

WORKFLOWS = load_workflows(load_agents())


def kinds_of(workflow: str, step_id: str) -> list[str]:
    spec = WORKFLOWS[workflow].step(step_id)
    return [type(job).__name__ for kind in JOB_KINDS for job in kind.of_step(spec)]


@pytest.mark.parametrize(
    ("workflow", "step_id", "kinds"),
    [
        ("delivery", "build", ["PlanJob", "FileJob"]),
        ("delivery", "test", ["FileJob", "InputsJob"]),
        ("delivery", "verify", []),
        ("delivery", "judge", ["OpinionJob"]),
        ("delivery", "package", ["FileJob", "FileJob", "FileJob"]),
        ("bugfix", "analyse", ["TextJob"]),
    ],
)
def test_a_step_does_the_jobs_it_names_and_no_other(workflow: str, step_id: str, kinds: list[str]) -> None:
    assert kinds_of(workflow, step_id) == kinds


class RecordingJob(Job):
    """A kind of its own, for steps that judge: records what it finds there."""

    found: ClassVar[list[tuple[str, int, list[str]]]] = []

    @classmethod
    def of_step(cls, spec: StepSpec) -> Iterable[Self]:
        return [cls()] if spec.opinion is not None else []

    async def work(self, step: StepInProgress) -> None:
        self.found.append((step.spec.id, step.round_number, sorted(step.state.get("artifacts", {}))))


async def test_a_new_kind_of_job_is_a_class_and_sees_what_the_step_has_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_module, "JOB_KINDS", (*JOB_KINDS, RecordingJob))
    monkeypatch.setattr(RecordingJob, "found", [])
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Reverse a text")

    assert outcome.status == DELIVERED
    ((step_id, round_number, paths),) = RecordingJob.found
    assert (step_id, round_number) == ("judge", 0)
    assert {"brief.md", "reverse_text.py", "test_reverse_text.py"} <= set(paths)
