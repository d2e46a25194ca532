"""Further programs for the same task, so that a result does not hang on one answer: two that do the same where nobody gave examples.

Programs that were written independently, meet every given example and agree on further inputs are seldom wrong in the
same way (CodeT, arXiv 2207.10397). For models whose single answer passes its examples and is wrong often enough to matter.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import ArtifactError, LLMCallError
from core.execution.evidence.agreement.agreement import call_results
from core.execution.evidence.agreement.inputs import CallInput, inputs_of, mutated_inputs
from core.execution.evidence.agreement.results import CallResult, compare
from core.execution.evidence.evidence import Evidence, SecondProgram
from core.execution.evidence.examples.example import TaskExample
from core.execution.evidence.examples.example_tests import UsedExample, build_example_tests
from core.execution.results import SuiteRun
from core.execution.runners.runner import Runner
from core.execution.sandbox.command import Limits
from core.execution.sandbox.sandbox import Sandbox
from core.telemetry.logs import log
from core.workflow.definition import StepSpec
from core.workflow.graph import RunState
from core.workflow.jobs.file_checks import checks_for
from core.workflow.jobs.job import StepInProgress, StepProgress
from core.workflow.prompt_context import PromptContext
from core.workflow.run import Run
from core.workflow.verification.engine_tests import EXAMPLE_TESTS_NAME
from core.workflow.verification.second_look import as_agent
from core.workspace.answers.reader import read_file

MAX_PROGRAMS = 5
PROGRAM_TEMPERATURE = 0.8
COMPARED_INPUTS = 40
AGREEING_FRACTION = 0.95
MIN_COMPARED = 5


@dataclass(frozen=True, slots=True)
class Means:
    """What programs are executed with."""

    runner: Runner
    sandbox: Sandbox
    limits: Limits


@dataclass(frozen=True, slots=True)
class Found:
    """The program to deliver, and how many other programs were looked at.

    `fraction` of `compared` inputs came out the same in it and another program; 0 if it agrees with none.
    """

    text: str
    programs: int
    fraction: float = 0.0
    compared: int = 0

    @property
    def agrees(self) -> bool:
        return self.fraction >= AGREEING_FRACTION and self.compared >= MIN_COMPARED


@dataclass(frozen=True, slots=True)
class _Program:
    text: str
    results: Mapping[int, CallResult] = field(default_factory=dict)


class Consensus:
    """Draws programs for one file until two agree; each is executed in a folder of its own and delivered to nobody."""

    def __init__(self, run: Run, prompt_context: PromptContext) -> None:
        self._run = run
        self._prompt_context = prompt_context

    async def find(
        self,
        step: StepSpec,
        state: RunState,
        path: str,
        first: str | None,
        examples: Sequence[TaskExample],
        used: Sequence[UsedExample],
        means: Means,
        *,
        must_be_met: bool,
    ) -> Found | None:
        """Return two programs' agreement, or the first that meets the examples; None if there is none, or no way to compare.

        `step` is the developer's, `path` the file, `first` the program that is delivered and meets the examples, if one
        does. At most 5 programs are looked at. Examples that are not the user's (`must_be_met` is false) only give inputs.
        """
        given = [entry for entry in inputs_of(used) if entry.arguments or entry.keywords]
        if not given:
            return None
        inputs = (*mutated_inputs(given, self._run.deps.rng, COMPARED_INPUTS), *given)
        programs: list[_Program] = []
        texts = [] if first is None else [first]
        for number in range(MAX_PROGRAMS):
            text = texts[number] if number < len(texts) else await self._draw(step, state, path)
            program = (
                await self._tried(path, text, examples, inputs, means, must_be_met=must_be_met)
                if text is not None
                else None
            )
            if program is None:
                continue
            for other in programs:
                agreement = compare(inputs, other.results, program.results)
                found = Found(other.text, number, agreement.fraction, agreement.compared)
                log("INFO", "two programs compared", run_id=self._run.run_id, agreement=round(found.fraction, 3))
                if found.agrees:
                    return found
            programs.append(program)
        return Found(programs[0].text, MAX_PROGRAMS - 1) if programs else None

    async def _draw(self, step: StepSpec, state: RunState, path: str) -> str | None:
        """Return one more program for the task, written without knowledge of any other; None if there is none."""
        run = self._run
        agent = run.deps.agents[step.agent]
        job = next(file.job for file in step.files if file.role == "code")
        variables = await self._prompt_context.for_step(step, state)
        variables = await self._prompt_context.for_file(variables, path, state)
        fresh = {**variables, **dict.fromkeys(("current", "failures", "failing_code", "interfaces"), "")}
        asked = StepInProgress(run, step, agent, state, self._prompt_context, fresh, StepProgress())
        sampling = replace(asked.sampling(job, fresh), temperature=PROGRAM_TEMPERATURE)
        prompt = agent.prompt.render_job(job, run.tier, fresh)
        try:
            reply = await as_agent(run, agent, asked.answer(prompt, sampling, made=path))
            if reply is None:
                return None
            read = read_file(reply.text, path=path, finish_reason=reply.finish_reason)
            checks = await checks_for(asked, path, "code", "")
            await asyncio.to_thread(checks.refuse, read.text)
        except (ArtifactError, LLMCallError) as error:
            log("INFO", "a further program cannot be used", run_id=run.run_id, reason=str(error))
            return None
        return read.text

    async def _tried(
        self,
        path: str,
        text: str,
        examples: Sequence[TaskExample],
        inputs: Sequence[CallInput],
        means: Means,
        *,
        must_be_met: bool,
    ) -> _Program | None:
        """Return what a program does, or None if it breaks an example or cannot be called."""
        made = build_example_tests(tuple(examples), {path: text})
        call = next((entry.call for entry in made.used if entry.call is not None), None)
        if call is None:
            return None
        with tempfile.TemporaryDirectory(prefix="quintet-program-", ignore_cleanup_errors=True) as folder:
            tree = Path(folder, "tree")
            await asyncio.to_thread(_write_tree, tree, {path: text, EXAMPLE_TESTS_NAME: made.text})
            if must_be_met:
                suite = await means.runner.run(
                    tree, [EXAMPLE_TESTS_NAME], [path], means.sandbox, means.limits, collects=False
                )
                if not isinstance(suite, SuiteRun) or not suite.is_green:
                    return None
            return _Program(text, await call_results(tree, call, inputs, means.sandbox, means.limits))


def _write_tree(tree: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")


def confirmed(evidence: Evidence, found: Found) -> Evidence:
    """Return the evidence with what a second program adds to it."""
    agreed = round(found.fraction * found.compared)
    reason = f"{evidence.reason}; a second program, written independently, does the same on {agreed} of {found.compared} further inputs"
    second = SecondProgram(found.fraction, found.compared, found.programs)
    return replace(evidence, reason=reason, second_program=second)


def unconfirmed(evidence: Evidence, found: Found) -> Evidence:
    """Return the evidence of a program that no other one agrees with: green, and not proven."""
    reason = (
        f"the tests are green, and none of {found.programs} further programs for the task does the same on other inputs"
    )
    hint = "give more examples in the task, or use a larger model"
    return replace(
        evidence, verdict="unproven", reason=reason, hint=hint, second_program=SecondProgram(0.0, 0, found.programs)
    )
