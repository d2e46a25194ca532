"""What a tiny model can say of tests: inputs. What it expects of a function is noise, so the engine makes the tests of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from core.execution.evidence.examples.example import FunctionExample
from core.execution.evidence.examples.reader import read_examples
from core.execution.evidence.smoke_tests import Arguments, build_smoke_tests, functions_to_try
from core.workflow.definition import StepSpec
from core.workflow.jobs.delivered_file import deliver_file
from core.workflow.jobs.job import FileResult, Job, StepInProgress
from core.workflow.prompt_context import read_if_there
from core.workspace.answers.proposed_calls import read_arguments


@dataclass(frozen=True, slots=True)
class InputsJob(Job):
    """Asks a tiny model for inputs of the functions of the main file, and delivers tests that call them; Python only.

    An answer that proposes nothing fit leaves the run with the tests that are made of the task's examples.
    """

    job: str

    @classmethod
    def of_step(cls, spec: StepSpec) -> Iterable[Self]:
        return [cls(spec.inputs)] if spec.inputs is not None else []

    async def work(self, step: StepInProgress) -> None:
        layout = step.run.layout
        if step.run.tier != "tiny" or not layout.test or not layout.source.endswith(".py"):
            return
        text = await asyncio.to_thread(read_if_there, step.run, layout.source)
        proposals = {}
        for function in functions_to_try(text):
            variables = {**step.variables, "function": function.name}
            prompt = step.agent.prompt.render_job(self.job, step.run.tier, variables)
            # One draw, and what was cut off counts: each call that is whole can be made.
            reply = await step.answer(prompt, step.sampling(self.job, variables), made=self.job)
            proposals[function] = read_arguments(reply.text, function.name)
        tests = build_smoke_tests(layout.module, proposals, _known_arguments(step.run.request.task))
        if tests:
            artifact = await deliver_file(
                step.run, layout.test, tests, role="test", author=step.agent.id, round_number=step.round_number
            )
            step.progress.files.append(FileResult(layout.test, artifact))


def _known_arguments(task: str) -> Mapping[str, list[Arguments]]:
    known: dict[str, list[Arguments]] = {}
    for example in read_examples(task).examples:
        if isinstance(example, FunctionExample):
            known.setdefault(example.function, []).append(example.arguments)
    return known
