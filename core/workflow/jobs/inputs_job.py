"""What a tiny model can say of tests: inputs. What it expects of a function is noise, so the engine makes the tests of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.execution.evidence.agreement.agreement import call_results
from core.execution.evidence.agreement.inputs import CallInput
from core.execution.evidence.agreement.results import Returned
from core.execution.evidence.examples.example import FunctionExample
from core.execution.evidence.examples.reader import read_examples
from core.execution.evidence.examples.targets import FunctionCall
from core.execution.evidence.smoke_tests import (
    Arguments,
    TriedFunction,
    build_observed_tests,
    build_smoke_tests,
    everyday_arguments,
    functions_to_try,
)
from core.execution.not_executed import NotExecuted
from core.execution.sandbox.ladder import choose_sandbox, limits_of
from core.workflow.definition import StepSpec
from core.workflow.jobs.delivered_file import deliver_file
from core.workflow.jobs.job import FileResult, Job, StepInProgress
from core.workflow.prompt_context import read_if_there
from core.workspace.answers.proposed_calls import read_arguments


@dataclass(frozen=True, slots=True)
class InputsJob(Job):
    """Asks a tiny model for inputs of the functions of the main file, and delivers tests that call them; Python only.

    Where nothing fit is proposed, because the code names no types, what is proposed and everyday values are tried in the
    sandbox, and the calls that return are taken.
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
        if not tests:
            tests = build_observed_tests(layout.module, await _calls_that_return(step, text, proposals))
        if tests:
            artifact = await deliver_file(
                step.run, layout.test, tests, role="test", author=step.agent.id, round_number=step.round_number
            )
            step.progress.files.append(FileResult(layout.test, artifact))


async def _calls_that_return(
    step: StepInProgress, text: str, proposals: Mapping[TriedFunction, Sequence[Arguments]]
) -> dict[TriedFunction, list[tuple[Arguments, object]]]:
    """Call functions in the sandbox, and return the calls that came back with a plain value; none without a sandbox."""
    run = step.run
    sandbox = await choose_sandbox(run.deps.settings.execution)
    if isinstance(sandbox, NotExecuted):
        return {}
    observed: dict[TriedFunction, list[tuple[Arguments, object]]] = {}
    with tempfile.TemporaryDirectory(prefix="quintet-inputs-", ignore_cleanup_errors=True) as folder:
        source = Path(folder, run.layout.source)
        await asyncio.to_thread(source.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(source.write_text, text, encoding="utf-8")
        for function, proposed in proposals.items():
            fitting = [one for one in proposed if function.required <= len(one) <= len(function.types)]
            tried = [CallInput(one) for one in (*fitting, *everyday_arguments(function))]
            call = FunctionCall(run.layout.source, run.layout.module, function.name)
            results = await call_results(Path(folder), call, tried, sandbox, limits_of(run.deps.settings.execution))
            returned = [
                (one.arguments, result.value)
                for number, one in enumerate(tried)
                if isinstance(result := results.get(number), Returned)
            ]
            # What a function takes beside the first kind of value that it takes is luck.
            observed[function] = [one for one in returned if _kinds(one[0]) == _kinds(returned[0][0])]
    return observed


def _kinds(arguments: Arguments) -> tuple[type, ...]:
    return tuple(map(type, arguments))


def _known_arguments(task: str) -> Mapping[str, list[Arguments]]:
    known: dict[str, list[Arguments]] = {}
    for example in read_examples(task).examples:
        if isinstance(example, FunctionExample):
            known.setdefault(example.function, []).append(example.arguments)
    return known
